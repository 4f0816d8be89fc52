/// Validates a document against the schema and turns one of its operations into fields that can run.
struct Planner {
    struct Problem: Error {
        var message: String
        var position: Syntax.Position?
        var path: [String] = []
    }

    private let schema: Schema
    private let document: Syntax.Document
    private var variables: [String: JSON] = [:]
    private(set) var problems: [Problem] = []

    init(_ schema: Schema, _ document: Syntax.Document) {
        self.schema = schema
        self.document = document
    }

    /// The fields of an operation; look at `problems` afterwards.
    mutating func plan(_ operation: Syntax.Operation, variables given: [String: JSON]) -> [PlannedField] {
        for variable in operation.variables {
            let known = schema.types[variable.type.base] != nil || Schema.scalars.contains(variable.type.base)
            guard known else {
                problems.append(Problem(message: "Unknown type \"\(variable.type.base)\"."))
                continue
            }
            if let value = given[variable.name] {
                if let problem = check(value, variable.type, ["variable", variable.name]) { problems.append(problem) }
                variables[variable.name] = value
            } else if let fallback = variable.fallback {
                variables[variable.name] = evaluate(fallback, variable.type)
            } else if variable.type.isRequired {
                problems.append(Problem(message: "must be defined", path: ["variable", variable.name]))
            }
        }
        declared = Set(operation.variables.map(\.name))
        return fields(operation.selections, on: operation.form == "mutation" ? "Mutation" : "Query")
    }

    private var declared: Set<String> = []

    // MARK: Selections

    private mutating func fields(_ selections: [Syntax.Selection], on type: String) -> [PlannedField] {
        var order: [String] = []
        var grouped: [String: [Syntax.Field]] = [:]
        collect(selections, on: type, &order, &grouped, [])
        var planned: [PlannedField] = []
        for key in order {
            if let field = field(key, grouped[key] ?? [], on: type) { planned.append(field) }
        }
        return planned
    }

    private mutating func collect(
        _ selections: [Syntax.Selection], on type: String, _ order: inout [String],
        _ grouped: inout [String: [Syntax.Field]], _ visited: Set<String>
    ) {
        for selection in selections {
            switch selection {
            case .field(let field):
                guard isIncluded(field.directives) else { continue }
                let key = field.alias ?? field.name
                if grouped[key] == nil { order.append(key) }
                grouped[key, default: []].append(field)
            case .inline(let condition, let directives, let inner, let position):
                guard isIncluded(directives) else { continue }
                if let condition, !isKnown(condition, position) { continue }
                guard condition.map({ schema.matches(type, $0) || schema.matches($0, type) }) ?? true else { continue }
                guard condition.map({ schema.matches(type, $0) }) ?? true else { continue }
                collect(inner, on: type, &order, &grouped, visited)
            case .spread(let name, let directives, let position):
                guard isIncluded(directives), !visited.contains(name) else { continue }
                guard let fragment = document.fragments[name] else {
                    problems.append(Problem(message: "Unknown fragment \"\(name)\".", position: position))
                    continue
                }
                guard isKnown(fragment.condition, position), schema.matches(type, fragment.condition) else { continue }
                collect(fragment.selections, on: type, &order, &grouped, visited.union([name]))
            }
        }
    }

    private mutating func isKnown(_ type: String, _ position: Syntax.Position) -> Bool {
        if schema.types[type] != nil { return true }
        problems.append(Problem(message: "Unknown type \"\(type)\".", position: position))
        return false
    }

    private func isIncluded(_ directives: [Syntax.Directive]) -> Bool {
        for directive in directives {
            let condition = directive.arguments.first { $0.name == "if" }.map { evaluate($0.value, .named("Boolean")) }
            if directive.name == "skip", condition == .bool(true) { return false }
            if directive.name == "include", condition == .bool(false) { return false }
        }
        return true
    }

    private mutating func field(_ key: String, _ parts: [Syntax.Field], on type: String) -> PlannedField? {
        guard let first = parts.first else { return nil }
        if first.name == "__typename" {
            return PlannedField(
                key: key, type: .required(.named("String")), resolver: { _ in .text(type) }, arguments: [:],
                children: [:],
                selected: [])
        }
        if type == "Query", first.name == "__type" || first.name == "__schema" {
            return introspection(key, first, parts.flatMap(\.selections))
        }
        guard let definition = schema.types[type]?.fields[first.name] else {
            problems.append(
                Problem(message: "Cannot query field \"\(first.name)\" on type \"\(type)\".", position: first.position))
            return nil
        }
        let arguments = arguments(first, definition, on: type)
        let selections = parts.flatMap(\.selections)
        let base = definition.type.base
        if schema.isLeaf(base) != selections.isEmpty {
            let text = definition.type.text
            problems.append(
                Problem(
                    message: selections.isEmpty
                        ? "Field \"\(first.name)\" of type \"\(text)\" must have a selection of subfields."
                        : "Field \"\(first.name)\" must not have a selection since type \"\(text)\" has no subfields.",
                    position: first.position))
            return nil
        }
        var children: [String: [PlannedField]] = [:]
        if !selections.isEmpty {
            let members = schema.types[base]?.members ?? []
            checkAbstract(selections, on: base)
            for name in members.isEmpty ? [base] : members { children[name] = fields(selections, on: name) }
        }
        let selected = Set(
            selections.compactMap { selection in
                if case .field(let field) = selection { field.name } else { nil }
            })
        guard let resolver = Resolvers.find(type, first.name) else {
            problems.append(
                Problem(message: "this fake does not answer \(type).\(first.name)", position: first.position))
            return nil
        }
        return PlannedField(
            key: key, type: definition.type, resolver: resolver, arguments: arguments, children: children,
            selected: selected)
    }

    /// Fields directly on a union are wrong even when all its members have them.
    private mutating func checkAbstract(_ selections: [Syntax.Selection], on type: String) {
        guard schema.types[type]?.form == .union else { return }
        for case .field(let field) in selections where field.name != "__typename" {
            problems.append(
                Problem(message: "Cannot query field \"\(field.name)\" on type \"\(type)\".", position: field.position))
        }
    }

    // MARK: Arguments

    private mutating func arguments(
        _ field: Syntax.Field, _ definition: Schema.Field, on type: String
    ) -> [String: JSON] {
        var values: [String: JSON] = [:]
        for (name, literal) in field.arguments {
            guard let wanted = definition.arguments.first(where: { $0.name == name }) else {
                problems.append(
                    Problem(
                        message: "Unknown argument \"\(name)\" on field \"\(type).\(field.name)\".",
                        position: field.position))
                continue
            }
            checkLiteral(literal, wanted.type, field.position)
            if case .variable(let variable) = literal, variables[variable] == nil { continue }
            values[name] = evaluate(literal, wanted.type)
        }
        for wanted in definition.arguments where wanted.type.isRequired && values[wanted.name] ?? .null == .null {
            problems.append(
                Problem(
                    message: "Field \"\(field.name)\" argument \"\(wanted.name)\" of type \"\(wanted.type.text)\" "
                        + "is required, but it was not provided.", position: field.position))
        }
        return values
    }

    private func evaluate(_ literal: Syntax.Literal, _ type: Schema.Reference) -> JSON {
        switch literal {
        case .variable(let name): return variables[name] ?? .null
        case .constant(let json): return json
        case .symbol(let name): return .string(name)
        case .list(let items): return .list(items.map { evaluate($0, type) })
        case .object(let members):
            var object: [String: JSON] = [:]
            for (name, value) in members {
                if case .variable(let variable) = value, variables[variable] == nil { continue }
                object[name] = evaluate(value, type)
            }
            return .object(object)
        }
    }

    private mutating func checkLiteral(
        _ literal: Syntax.Literal, _ type: Schema.Reference, _ position: Syntax.Position
    ) {
        switch (literal, type.nullable) {
        case (.variable(let name), _):
            if !declared.contains(name) {
                problems.append(Problem(message: "Variable \"$\(name)\" is not defined.", position: position))
            }
        case (.list(let items), .list(let inner)):
            for item in items { checkLiteral(item, inner, position) }
        case (_, .list(let inner)): checkLiteral(literal, inner, position)
        case (.object(let members), .named(let name)):
            guard let definition = schema.types[name] else { return }
            for (key, value) in members {
                guard let field = definition.fields[key] else {
                    problems.append(
                        Problem(message: "Field \"\(key)\" is not defined by type \"\(name)\".", position: position))
                    continue
                }
                checkLiteral(value, field.type, position)
            }
        case (.symbol(let symbol), .named(let name)):
            guard schema.types[name]?.members.contains(symbol) ?? false else {
                problems.append(
                    Problem(message: "Value \"\(symbol)\" does not exist in \"\(name)\" enum.", position: position))
                return
            }
        case (.constant(let json), .named):
            if let problem = check(json, type, []) {
                problems.append(Problem(message: problem.message, position: position))
            }
        default: break
        }
    }

    /// What is wrong with a value that a client sent as a type.
    private func check(_ value: JSON, _ type: Schema.Reference, _ path: [String]) -> Problem? {
        if value == .null { return type.isRequired ? Problem(message: "cannot be null", path: path) : nil }
        switch type.nullable {
        case .list(let inner):
            for item in value.items ?? [] {
                if let problem = check(item, inner, path) { return problem }
            }
            return nil
        case .named(let name): return checkNamed(value, name, path)
        case .required: return nil
        }
    }

    private func checkNamed(_ value: JSON, _ name: String, _ path: [String]) -> Problem? {
        let wrong = Problem(message: "cannot use value as \(name)", path: path)
        switch name {
        case "Int", "Int64":
            if case .int = value { return nil }
            return wrong
        case "Float": return value.number == nil ? wrong : nil
        case "String", "Time", "Timestamp": return value.text == nil ? wrong : nil
        case "Boolean":
            if case .bool = value { return nil }
            return wrong
        case "ID": return value.text == nil && value.integer == nil ? wrong : nil
        default: break
        }
        guard let definition = schema.types[name] else { return wrong }
        switch definition.form {
        case .enum:
            return definition.members.contains(value.text ?? "")
                ? nil : Problem(message: "\(value.text ?? "") is not a valid \(name)", path: path)
        case .input:
            guard case .object(let members) = value else { return Problem(message: "must be a \(name)", path: path) }
            for (key, member) in members {
                guard let field = definition.fields[key] else {
                    return Problem(message: "unknown field", path: path + [key])
                }
                if let problem = check(member, field.type, path + [key]) { return problem }
            }
            for field in definition.fields.values where field.type.isRequired && members[field.name] == nil {
                return Problem(message: "must be defined", path: path + [field.name])
            }
            return nil
        default: return nil
        }
    }

    // MARK: Introspection

    /// `__type(name:)` and `__schema`, as far as a client that detects capabilities asks (Stash 2.5).
    private func introspection(
        _ key: String, _ field: Syntax.Field, _ selections: [Syntax.Selection]
    ) -> PlannedField {
        let value: JSON
        if field.name == "__type" {
            let name =
                field.arguments.first { $0.name == "name" }.map { evaluate($0.value, .named("String")) }?.text ?? ""
            value = schema.types[name].map { describe($0, selections) } ?? .null
        } else {
            value = shape(
                [
                    "queryType": { _ in .object(["name": .string("Query")]) },
                    "mutationType": { _ in .object(["name": .string("Mutation")]) },
                    "types": { inner in
                        .list(self.schema.types.values.sorted { $0.name < $1.name }.map { self.describe($0, inner) })
                    },
                ], selections)
        }
        return PlannedField(
            key: key, type: .named("Map"), resolver: { _ in value == .null ? .null : .json(value) }, arguments: [:],
            children: [:], selected: [])
    }

    private func shape(
        _ members: [String: ([Syntax.Selection]) -> JSON], _ selections: [Syntax.Selection]
    ) -> JSON {
        var object: [String: JSON] = [:]
        for selection in selections {
            switch selection {
            case .field(let field): object[field.alias ?? field.name] = members[field.name]?(field.selections) ?? .null
            case .inline(_, _, let inner, _):
                if case .object(let more) = shape(members, inner) { object.merge(more) { first, _ in first } }
            case .spread(let name, _, _):
                let inner = document.fragments[name]?.selections ?? []
                if case .object(let more) = shape(members, inner) { object.merge(more) { first, _ in first } }
            }
        }
        return .object(object)
    }

    private func describe(_ definition: Schema.Definition, _ selections: [Syntax.Selection]) -> JSON {
        let kinds: [Schema.Form: String] = [
            .type: "OBJECT", .input: "INPUT_OBJECT", .enum: "ENUM", .union: "UNION", .interface: "INTERFACE",
            .scalar: "SCALAR",
        ]
        let isInput = definition.form == .input
        return shape(
            [
                "name": { _ in .string(definition.name) },
                "kind": { _ in .string(kinds[definition.form] ?? "OBJECT") },
                "fields": { inner in
                    // Deprecated fields are listed only when asked for.
                    let all = self.asksForDeprecated(selections)
                    guard !isInput, definition.form == .type || definition.form == .interface else { return .null }
                    return .list(
                        definition.fieldNames.compactMap { definition.fields[$0] }.filter { all || !$0.isDeprecated }
                            .map { self.describe($0, inner) })
                },
                "inputFields": { inner in
                    guard isInput else { return .null }
                    return .list(
                        definition.fieldNames.compactMap { definition.fields[$0] }.map { self.describe($0, inner) })
                },
                "enumValues": { inner in
                    guard definition.form == .enum else { return .null }
                    return .list(
                        definition.members.map { member in self.shape(["name": { _ in .string(member) }], inner) })
                },
            ], selections)
    }

    private func asksForDeprecated(_ selections: [Syntax.Selection]) -> Bool {
        selections.contains { selection in
            guard case .field(let field) = selection, field.name == "fields" else { return false }
            return field.arguments.contains {
                $0.name == "includeDeprecated" && evaluate($0.value, .named("Boolean")) == .bool(true)
            }
        }
    }

    private func describe(_ field: Schema.Field, _ selections: [Syntax.Selection]) -> JSON {
        shape(
            [
                "name": { _ in .string(field.name) },
                "isDeprecated": { _ in .bool(field.isDeprecated) },
                "type": { self.describe(field.type, $0) },
                "args": { inner in
                    .list(
                        field.arguments.map { argument in
                            self.shape(
                                [
                                    "name": { _ in .string(argument.name) },
                                    "type": { self.describe(argument.type, $0) },
                                ],
                                inner)
                        })
                },
            ], selections)
    }

    private func describe(_ type: Schema.Reference, _ selections: [Syntax.Selection]) -> JSON {
        switch type {
        case .named(let name):
            shape(
                ["name": { _ in .string(name) }, "ofType": { _ in .null }, "kind": { _ in .string("OBJECT") }],
                selections)
        case .list(let inner):
            shape(["kind": { _ in .string("LIST") }, "ofType": { self.describe(inner, $0) }], selections)
        case .required(let inner):
            shape(["kind": { _ in .string("NON_NULL") }, "ofType": { self.describe(inner, $0) }], selections)
        }
    }
}
