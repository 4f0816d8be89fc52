import Dispatch
import Foundation
import HTTPTypes
import Hummingbird
import Library
import Media
import NIOCore

/// The bytes of scenes and images, and the pictures of the other kinds: through the same memory and the same disk cache as the mount,
/// from the same servers, without a key.
extension Premises {
    var mediaRoutes: [Route] {
        [Route(.get, "/api/media/{instance}/{kind}/{id}", .streaming { try await media($0) })]
    }

    /// What a path names.
    private struct Wanted: Sendable {
        let source: MediaSource
        /// Of scenes and images, of which other servers may have copies.
        let entry: MediaEntry?
        /// Of the file at the server, for its type.
        let basename: String?
    }

    private func media(_ call: Call) async throws -> Response {
        let store = try daemon().media
        let wanted: Wanted = try await Self.waiting { try self.wanted(call) }
        let opened = try await OpenedMedia.open(store, wanted.source, wanted.entry) { try catalogue().equals(of: $0) }
        let size = opened.size
        var headers: HTTPFields = [.acceptRanges: "bytes", .cacheControl: "private, no-cache"]
        if let tag = opened.tag { headers[.eTag] = tag }
        // A drawing may hold a script; here it must not run.
        headers[.contentSecurityPolicy] = "sandbox; default-src 'none'"
        if let tag = opened.tag, call.headers[.ifNoneMatch].map({ Self.names($0, tag) }) ?? false {
            return Response(status: .notModified, headers: headers)
        }
        headers[.contentType] = try await type(wanted, opened)
        let isSame = call.headers[.ifRange].map { $0 == opened.tag } ?? true
        switch ByteRange.wish(isSame ? call.headers[.range] : nil, size: size) {
        case .unsatisfiable:
            headers[.contentRange] = "bytes */\(size)"
            headers[.contentType] = "application/problem+json"
            let problem = Problem(.http, "the file has \(size) bytes", status: 416)
            return Response(
                status: .rangeNotSatisfiable, headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.json)))
        case .whole:
            return Response(
                status: .ok, headers: headers, body: call.isHead ? Self.promised(size) : try await opened.body(0..<size)
            )
        case .part(let range):
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
            return Response(
                status: .partialContent, headers: headers,
                body: call.isHead ? Self.promised(Int64(range.count)) : try await opened.body(range))
        }
    }

    /// A body of which HEAD tells the length only.
    private static func promised(_ count: Int64) -> ResponseBody {
        ResponseBody(contentLength: Int(count)) { writer in try await writer.finish(nil) }
    }

    private static func names(_ header: String, _ tag: String) -> Bool {
        header.split(separator: ",").contains { part in
            let name = part.trimmingCharacters(in: .whitespaces)
            return name == "*" || name == tag || name == "W/" + tag
        }
    }

    /// Runs what waits for a database on a thread that may.
    static func waiting<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async { continuation.resume(with: Result { try body() }) }
        }
    }

    private func wanted(_ call: Call) throws -> Wanted {
        let instance = try instance(try call.parameter("instance"))
        guard let kind = Kind(word: try call.parameter("kind")) else {
            throw Problem(.notFound, EntityNameError.noSuchKind(try call.parameter("kind")).description)
        }
        guard let id = Int64(try call.parameter("id")), id > 0 else {
            throw Problem(.notFound, "an id is a positive whole number")
        }
        let (catalogue, ref) = (try catalogue(), EntityRef(instance: instance.number, kind: kind, id: id))
        guard instance.enabled else {
            throw Problem(.unavailable, "'\(instance.name)' is disabled", status: 503)
        }
        guard let member = try catalogue.number(of: ref) else {
            throw Problem(.notFound, "there is no \(EntityName.text(ref, in: [instance])) in the index")
        }
        if let entry = try catalogue.media(member) {
            return Wanted(source: MediaSource(entry), entry: entry, basename: try catalogue.basename(of: ref))
        }
        guard let picture = try catalogue.sidecar(member, .picture, position: 0), let source = MediaSource(picture)
        else {
            throw Problem(.notFound, "\(EntityName.text(ref, in: [instance])) has no picture")
        }
        return Wanted(source: source, entry: nil, basename: nil)
    }

    private func type(_ wanted: Wanted, _ opened: OpenedMedia) async throws -> String {
        if let name = wanted.basename, let type = MIMEType.of(name) { return type }
        return MIMEType.of(begin: try await opened.read(0..<min(opened.size, 16)).readableBytesView)
    }
}

extension MediaSource {
    init(_ entry: MediaEntry) {
        let server = entry.ref.instance.rawValue
        self =
            entry.ref.kind == .scene
            ? .scene(entry.ref.id, server: server, size: entry.size)
            : .image(entry.ref.id, server: server, size: entry.size, isInArchive: entry.isInArchive)
    }

    /// A picture of what is no file.
    init?(_ entry: SidecarEntry) {
        let (id, server, size) = (entry.ref.id, entry.ref.instance.rawValue, entry.size)
        switch entry.ref.kind {
        case .performer: self = .performerPicture(id, server: server, size: size)
        case .studio: self = .studioPicture(id, server: server, size: size)
        case .tag: self = .tagPicture(id, server: server, size: size)
        case .group: self = .groupPicture(id, server: server, size: size)
        case .scene, .image, .gallery: return nil
        }
    }
}
