import Foundation

/// Small playable clips and pictures, made unlike each other by a label: the same clip for two files gives different bytes.
package struct Clips: Sendable {
    /// One clip or picture as it lies in the resources.
    package struct Clip: Sendable {
        package let name: String
        /// Seconds, 0 for pictures.
        package let duration: Double
        private let bytes: [UInt8]
        private let markerPlace: Int?
        /// What labelling adds, the padding apart.
        private var overhead = 0
        private var isGIF = false

        fileprivate init(name: String, duration: Double, data: Data) {
            self.name = name
            self.duration = duration
            bytes = [UInt8](data)
            markerPlace = data.range(of: Data(Clips.marker.utf8))?.lowerBound
            overhead = labelled(0).count - Self.padding(0)
            // Comments of GIFs come in blocks, whose number depends on the length.
            isGIF = name.hasSuffix("gif")
        }

        /// Length of the labelled clip: the padding makes sizes differ too.
        func size(_ identity: UInt64) -> Int64 {
            isGIF ? Int64(labelled(identity).count) : Int64(overhead + Self.padding(identity))
        }

        private static func padding(_ identity: UInt64) -> Int { Int(identity % 3000) + 64 }

        /// The clip with a label that carries the identity, near its start where the format has a place for one, and with
        /// padding at its end that players skip.
        func labelled(_ identity: UInt64) -> [UInt8] {
            let label = Array((Clips.marker + hexadecimal(identity, width: 16)).utf8)
            let padding = [UInt8](repeating: 0x20, count: Self.padding(identity))
            var body = bytes
            let suffix = name.split(separator: ".").last.map(String.init) ?? ""
            if let markerPlace { body.replaceSubrange(markerPlace..<(markerPlace + label.count), with: label) }
            switch suffix {
            case "mp4":
                return body + Clips.box("free", label + padding)
            case "webm", "mkv":
                return body + Clips.void(label + padding)
            case "jpg":
                // A comment segment right after the start-of-image marker.
                body.insert(contentsOf: [0xff, 0xfe, 0, UInt8(label.count + 2)] + label, at: 2)
                return body + padding
            case "png":
                // A text chunk right after the header chunk (8 bytes of signature, 25 of IHDR).
                let chunk = Array("tEXtComment".utf8) + [0] + label + padding
                let length = Clips.bigEndian(UInt32(chunk.count - 4))
                body.insert(contentsOf: length + chunk + Clips.bigEndian(CRC32.of(chunk)), at: 33)
                return body
            case "gif": return body.dropLast() + Clips.gifComment(label + padding) + [0x3b]
            default: return body + label + padding
            }
        }
    }

    /// The clip that stands for transcodes and previews.
    static let transcode = "pattern.mp4"

    fileprivate static let marker = "PEEKFS-LABEL-"

    fileprivate static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }

    /// An ISO base media box.
    fileprivate static func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
        bigEndian(UInt32(body.count + 8)) + Array(type.utf8) + body
    }

    /// A GIF comment extension: blocks of at most 255 bytes, each after its length, and an empty one.
    fileprivate static func gifComment(_ text: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x21, 0xfe]
        for start in stride(from: 0, to: text.count, by: 255) {
            let block = text[start..<min(start + 255, text.count)]
            output += [UInt8(block.count)] + block
        }
        return output + [0]
    }

    /// An EBML Void element with a length of four bytes.
    fileprivate static func void(_ body: [UInt8]) -> [UInt8] {
        [0xec] + bigEndian(UInt32(body.count) | 0x1000_0000) + body
    }

    /// All clips and pictures of the resources by file name; empty when the resources cannot be read.
    package static func load() -> [String: Clip] {
        let durations = ["pattern.mp4": 6.0, "zoom.mp4": 8, "cells.mp4": 12, "bars.webm": 10, "colours.mkv": 20]
        guard let folder = Bundle.module.url(forResource: "Clips", withExtension: nil),
            let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        else { return [:] }
        var clips: [String: Clip] = [:]
        for name in names {
            guard let data = try? Data(contentsOf: folder.appendingPathComponent(name)) else { continue }
            clips[name] = Clip(name: name, duration: durations[name] ?? 0, data: data)
        }
        return clips
    }
}

/// The checksum of gzip and PNG (RFC 1952 section 8).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
        return value
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        var value: UInt32 = 0xffff_ffff
        table.withUnsafeBufferPointer { table in
            bytes.withUnsafeBufferPointer { bytes in
                var index = 0
                while index < bytes.count {
                    value = table[Int((value ^ UInt32(bytes[index])) & 0xff)] ^ (value >> 8)
                    index += 1
                }
            }
        }
        return value ^ 0xffff_ffff
    }
}

/// The gzip format with stored blocks only (RFC 1951 section 3.2.4): valid, and tiny to write.
enum Gzip {
    static func wrap(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]
        output.reserveCapacity(bytes.count + bytes.count / 60_000 * 5 + 32)
        var start = 0
        repeat {
            let count = min(65_535, bytes.count - start)
            let isLast: UInt8 = start + count == bytes.count ? 1 : 0
            let low = UInt8(count & 0xff)
            let high = UInt8(count >> 8)
            output += [isLast, low, high, ~low, ~high]
            output += bytes[start..<(start + count)]
            start += count
        } while start < bytes.count
        for word in [CRC32.of(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
            output += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
        }
        return output
    }
}
