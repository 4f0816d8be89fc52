import CXattr
import FakeStash
import Foundation

/// A file on the mount and whose bytes it has to have.
struct MountedFile: Sendable {
    let path: String
    /// What it is of the things that the servers have. A merged file is one of several.
    var refs: Set<Ref>

    var servers: Set<String> { Set(refs.map(\.server)) }

    /// All files below a mount point whose bytes are known.
    static func find(below mountPoint: String, _ truth: Truth) -> [MountedFile] {
        let instances = names(mountPoint + "/instances").map { mountPoint + "/instances/" + $0 }
        return ([mountPoint] + instances).flatMap { scope in
            ["scenes", "images", "performers", "studios", "tags", "groups"].flatMap { kind in
                names(scope + "/" + kind).compactMap { name in
                    var path = scope + "/" + kind + "/" + name
                    // What lies in the merged library is any of its members; what lies below an instance is that one.
                    let attribute = scope == mountPoint ? "sources" : "id"
                    let refs = refs(path, "user.peekfs." + attribute).filter(truth.knows)
                    if kind != "scenes", kind != "images" { path += "/folder.jpg" }
                    return refs.isEmpty || access(path, F_OK) != 0 ? nil : MountedFile(path: path, refs: refs)
                }
            }
        }
    }

    private static func names(_ directory: String) -> [String] {
        // What stands beside a scene, such as its captions, has its id and other bytes.
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return all.filter { !$0.hasSuffix(".vtt") && !$0.hasSuffix(".funscript") }.sorted()
    }

    private static func refs(_ path: String, _ name: String) -> Set<Ref> {
        let text = [UInt8](unsafeUninitializedCapacity: 1 << 14) { buffer, initialized in
            initialized = max(0, getxattr(path, name, buffer.baseAddress, buffer.count))
        }
        return Set(String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Ref($0) })
    }
}
