import CFuse
import Foundation

// The calls on extended attributes are in no other module of this platform.
extension Path {
    /// An extended attribute as text.
    func attribute(_ name: String) throws -> String {
        let bytes = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, initialized in
            let got = getxattr(text, name, buffer.baseAddress, buffer.count)
            guard got >= 0 else { throw Failure(text) }
            initialized = got
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The names that `listxattr` gives.
    func attributeNames() throws -> [String] {
        let bytes = try [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, initialized in
            let got = buffer.withMemoryRebound(to: CChar.self) { listxattr(text, $0.baseAddress, $0.count) }
            guard got >= 0 else { throw Failure(text) }
            initialized = got
        }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    func setAttribute(_ name: String, _ value: String) throws {
        guard setxattr(text, name, value, value.utf8.count, 0) == 0 else { throw Failure(text) }
    }

    func removeAttribute(_ name: String) throws {
        guard removexattr(text, name) == 0 else { throw Failure(text) }
    }

    /// What it stands for; nil when it stands for no entity.
    var ref: Ref? { (try? attribute("user.peekfs.id")).flatMap { Ref($0) } }

    /// All members of the entity, in priority order.
    var sources: [Ref] {
        ((try? attribute("user.peekfs.sources")) ?? "").split(separator: "\n").compactMap { Ref($0) }
    }

    /// The rating of the caller; nil when there is none.
    func rating() throws -> String? {
        do {
            return try attribute("user.peekfs.rating")
        } catch let failure as Failure where failure.code == ENODATA {
            return nil
        }
    }
}
