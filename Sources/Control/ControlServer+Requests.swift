import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix

/// From requests to answers.
extension ControlServer {
    /// What the library hands from a connection to a route.
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = CoreRequestContextStorage(source: source)
            channel = source.channel
        }
    }

    func responder(_ doorkeeper: Doorkeeper) -> some HTTPResponder<Context> {
        let router = Router(context: Context.self)
        let paths = Dictionary(grouping: routes, by: \.path)
        for (path, routes) in paths {
            var methods = Set(routes.map(\.method.rawValue))
            if methods.contains("GET") { methods.insert("HEAD") }
            for route in routes {
                let names = route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
                for name in names {
                    guard let method = HTTPRequest.Method(name) else { continue }
                    router.on(RouterPath(path), method: method) { [self] request, context in
                        await answer(request, context, doorkeeper, route.access) { call in
                            try await respond(route, call)
                        }
                    }
                }
            }
            let allowed = methods.sorted().joined(separator: ", ")
            for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"]
            where !methods.contains(name) {
                guard let method = HTTPRequest.Method(name) else { continue }
                router.on(RouterPath(path), method: method) { [self] request, context in
                    var response = await answer(request, context, doorkeeper, .owner, isTaken: false) { _ in
                        throw Problem(.http, "\(path) takes \(allowed) only", status: 405)
                    }
                    response.headers[.allow] = allowed
                    return response
                }
            }
        }
        router.add(
            middleware: Fallback { [self] request, context in
                await answer(request, context, doorkeeper, .owner, isTaken: false) { _ in
                    throw Problem(
                        .notFound, "there is nothing at this path", hint: "GET /api/openapi.json has all paths")
                }
            })
        return router.buildResponder()
    }

    /// What no route takes.
    private struct Fallback: RouterMiddleware {
        typealias Context = ControlServer.Context

        let respond: @Sendable (Request, Context) async -> Response

        func handle(
            _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
        ) async throws -> Response {
            do {
                return try await next(request, context)
            } catch {
                return await respond(request, context)
            }
        }
    }

    /// From a request to its answer, whatever happens on the way. With `isTaken` false the body is not looked at.
    private func answer(
        _ request: Request, _ context: Context, _ doorkeeper: Doorkeeper, _ access: Route.Access, isTaken: Bool = true,
        _ handle: (Call) async throws -> Response
    ) async -> Response {
        let began = ContinuousClock.now
        var response: Response
        do {
            let uid = try await doorkeeper.admit(request, context.channel, access)
            var call = Call(uid: uid)
            if isTaken { try await fill(&call, request, context) }
            response = try await handle(call)
        } catch {
            let problem = Problem(explaining: error)
            if problem.status >= 500 {
                logger.warning("\(request.method) \(context.endpointPath ?? "?"): \(problem.detail)")
            }
            response = Self.response(
                Answer(status: problem.status, body: problem.json, type: "application/problem+json"))
            if problem.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
            // What may still come of a body that was refused is not read.
            if !isTaken || problem.status == 413 { response.headers[.connection] = "close" }
        }
        Self.guardPage(&response)
        let time = (ContinuousClock.now - began) / .microseconds(1)
        logger.debug("\(request.method) \(context.endpointPath ?? "?"): \(response.status.code) in \(Int(time)) µs")
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func fill(_ call: inout Call, _ request: Request, _ context: Context) async throws {
        call.isHead = request.method == .head
        call.headers = request.headers
        for (name, value) in context.parameters {
            guard let text = value.removingPercentEncoding else {
                throw Problem(.usage, "the path is not percent-encoded UTF-8", status: 400)
            }
            call.parameters[String(name)] = text
        }
        call.query = try Query.parse(request.uri.query ?? "")
        guard request.method == .post || request.method == .put || request.method == .delete else { return }
        call.body = try await body(request, context.channel)
        let type = request.headers[.contentType]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces)
        guard type?.lowercased() == "application/json" || request.method == .delete && call.body.isEmpty else {
            throw Problem(.http, "changes are asked for in JSON (Content-Type: application/json)", status: 415)
        }
    }

    private func body(_ request: Request, _ channel: any Channel) async throws -> Data {
        // Who sends its body drop by drop holds a connection and nothing else, and not for long.
        let deadline = channel.eventLoop.scheduleTask(in: Limits.bodyTime) { channel.close(promise: nil) }
        defer { deadline.cancel() }
        var data = Data()
        for try await buffer in request.body {
            data.append(contentsOf: buffer.readableBytesView)
            guard data.count <= Limits.body else {
                throw Problem(.http, "the body is larger than \(Limits.body) bytes", status: 413)
            }
        }
        return data
    }

    private func respond(_ route: Route, _ call: Call) async throws -> Response {
        switch route.handler {
        case .streaming(let respond): try await respond(call)
        case .blocking(let respond):
            Self.response(try await threads.runIfActive { try respond(call) })
        }
    }

    private static func response(_ answer: Answer) -> Response {
        var headers = answer.headers
        if !answer.body.isEmpty { headers[.contentType] = answer.type }
        return Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }

    /// Said with every answer: it is kept by nobody, shown in no frame, and believed to be what its type says.
    private static func guardPage(_ response: inout Response) {
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        response.headers[.xContentTypeOptions] = "nosniff"
        for (name, value) in [
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Referrer-Policy", "no-referrer"),
            ("X-Frame-Options", "DENY"),
        ] {
            if let name = HTTPField.Name(name) { response.headers[name] = value }
        }
    }
}
