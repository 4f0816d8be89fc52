import Derive
import Library
import Testing

@Suite struct `What several servers say` {
    private static let a = EntityRef(instance: InstanceNumber(1), kind: .scene, id: 1)
    private static let b = EntityRef(instance: InstanceNumber(2), kind: .scene, id: 1)

    @Test(
        arguments: [
            (.text("Blue"), .text("blue"), true), (.text("a  b\n"), .text(" A b"), true),
            (.text("e\u{301}"), .text("\u{e9}"), true), (.text("Blue"), .text("Blues"), false),
            (.text("Bob."), .text("Bob"), false), (.integer(3), .number(3), true), (.integer(3), .integer(4), false),
            (.flag(false), .flag(true), false), (.text("3"), .integer(3), false),
            (.thing(NodeNumber(1), name: "X"), .thing(NodeNumber(1), name: "Y"), true),
            (.thing(NodeNumber(1), name: "X"), .thing(NodeNumber(2), name: "X"), false),
        ] as [(FieldValue, FieldValue, Bool)])
    func `values agree when people would say so`(one: FieldValue, other: FieldValue, agree: Bool) {
        #expect(one.agrees(with: other) == agree)
        #expect(other.agrees(with: one) == agree)
        let fields = ShownField.all(of: [
            MemberFields(ref: Self.a, values: ["x": one]), MemberFields(ref: Self.b, values: ["x": other]),
        ])
        #expect(fields.map(\.isConflict) == [!agree])
        #expect(fields.map(\.shown.from) == [Self.a])
    }

    @Test(arguments: [nil, "", "  ", "\n\t"] as [String?])
    func `what is blank is no value`(text: String?) {
        #expect(FieldValue(text: text) == nil)
    }

    @Test func `each field comes from the first that has one, and sets are united`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        var first = record(a, .scene, 1, "  ", stashID: "x", links: [(.performer, 1), (.tag, 1)])
        first.details = ""
        first.rating = 20
        first.stashIDs.append(StashIDRecord(endpoint: "https://only-a", stashID: "1"))
        first.json = #"{"code":"","director":"Dee","organized":true,"play_count":3,"tags":[1],"id":1}"#
        var second = record(b, .scene, 8, "Title B", stashID: "x", links: [(.performer, 2), (.tag, 2), (.studio, 5)])
        second.details = "Details B"
        second.date = "2024-05-01"
        second.rating = 90
        second.json = #"{"code":"B-1","director":"Kim","organized":false,"play_count":4,"wide":1.5}"#
        try box.sync(a, [first, record(a, .performer, 1, "Ann"), record(a, .tag, 1, "One")])
        try box.sync(
            b,
            [
                second, record(b, .performer, 2, "Bea"), record(b, .tag, 2, "Two"), record(b, .studio, 5, "Studio B"),
            ])
        let entity = try #require(try box.catalogue.nodes(.merged, .scene).first)
        let members = try box.catalogue.members(ofEntity: entity.number)
        #expect(members.map(\.instance) == [a, b])
        func shown() throws -> EntityFacts {
            try box.catalogue.facts(try box.catalogue.members(ofEntity: entity.number), .merged, entity.number)
        }
        let facts = try shown()
        #expect(facts.title == "Title B")
        #expect(facts.details == "Details B")
        #expect(facts.date == "2024-05-01")
        #expect(facts.rating == 20)
        #expect(facts.studio == "Studio B")
        #expect(facts.performers == ["Ann", "Bea"])
        #expect(facts.tags == ["One", "Two"])
        #expect(facts.stashIDs == ["https://box/graphql x", "https://only-a 1"])
        #expect(
            facts.fields.map { "\($0.name) \($0.shown.value.text) \($0.shown.from.instance.rawValue)" } == [
                "title Title B 2", "date 2024-05-01 2", "studio Studio B 2", "rating 20 1", "details Details B 2",
                "code B-1 2", "director Dee 1", "wide 1.5 2",
            ])
        // The other order, and no path changes.
        try box.state.changeInstance(b, InstanceChange(priority: 1))
        try Derivation(state: box.state, index: box.index).run()
        #expect(try shown().rating == 90)
        #expect(try shown().fields.first { $0.name == "director" }?.shown.value == .text("Kim"))
        #expect(try box.catalogue.nodes(.merged, .scene).map(\.name) == [entity.name])
    }

    @Test func `conflicts are told by entity, page by page`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        func performer(_ instance: InstanceNumber, _ id: Int64, country: String, title: String? = nil) -> MemberRecord {
            var performer = record(instance, .performer, id, title ?? "P\(id)", stashID: "p\(id)")
            performer.favorite = instance == a
            performer.date = "1990"
            performer.json = #"{"country":"\#(country)","gender":"FEMALE"}"#
            return performer
        }
        // The same studio under two ids is no conflict; another one is.
        try box.sync(
            a,
            [
                performer(a, 1, country: "DE"), performer(a, 2, country: "AT"), performer(a, 3, country: "FR"),
                record(a, .studio, 1, "S", stashID: "s"), record(a, .studio, 2, "T"),
                record(a, .scene, 1, "One", stashID: "one", links: [(.studio, 1)]),
                record(a, .scene, 2, "Two", stashID: "two", links: [(.studio, 2)]),
            ])
        try box.sync(
            b,
            [
                performer(b, 1, country: "de"), performer(b, 2, country: "CH", title: "p2"),
                record(b, .studio, 7, "S of b", stashID: "s"),
                record(b, .scene, 5, "one", stashID: "one", links: [(.studio, 7)]),
                record(b, .scene, 6, "Two", stashID: "two", links: [(.studio, 7)]),
            ])
        try box.catalogue.reloadInstances()
        func told(_ page: ConflictPage) -> [String] {
            page.entities.map { entity in
                ([entity.title]
                    + entity.fields.map { "\($0.name): \($0.said.map(\.value.text).joined(separator: "/"))" })
                    .joined(separator: ", ")
            }
        }
        let all = try box.catalogue.conflicts(limit: 10)
        #expect(all.total == 4)
        #expect(all.totalFields == 5)
        #expect(
            told(all).sorted() == [
                "P1, favorite: yes/no", "P2, favorite: yes/no, country: AT/CH", "S, title: S/S of b",
                "Two, studio: T/S",
            ])
        #expect(all.entities.first { $0.title == "P2" }?.members.map(\.name) == ["a:performer:2", "b:performer:2"])
        var pages: [String] = []
        for offset in 0..<4 {
            let page = try box.catalogue.conflicts(limit: 1, offset: offset)
            #expect(page.total == 4)
            pages += told(page)
        }
        #expect(pages == told(all))
        #expect(try box.catalogue.conflicts(kind: .scene, limit: 10).entities.map(\.title) == ["Two"])
        // A server that is switched off says nothing.
        try box.state.changeInstance(b, InstanceChange(enabled: false))
        try Derivation(state: box.state, index: box.index).run()
        #expect(try box.catalogue.conflicts(limit: 10).total == 0)
    }

    @Test func `two of one server that claim the same id stay apart and are told`() throws {
        let box = try Sandbox()
        let a = try box.instance("a")
        let b = try box.instance("b")
        try box.sync(
            a, [record(a, .performer, 1, "Ann", stashID: "x"), record(a, .performer, 9, "Ann too", stashID: "x")])
        try box.sync(b, [record(b, .performer, 4, "Ann", stashID: "x")])
        let refusals = try box.catalogue.refusals()
        #expect(refusals.count == 1)
        #expect(refusals.first?.strength == .stashID)
        #expect(refusals.first?.text == "https://box/graphql x")
        let members = [1, 9].map { EntityRef(instance: a, kind: .performer, id: $0) }
        #expect(refusals.first?.clash == members)
        // The way out that is told: set one apart.
        _ = try box.state.split(members[0])
        try Derivation(state: box.state, index: box.index).run()
        #expect(try box.catalogue.refusals().isEmpty)
        #expect(try box.catalogue.companions(of: members[1]).count == 2)
    }
}
