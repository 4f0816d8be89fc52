/// The part of a file that a Range header asks for (RFC 9110, section 14).
struct ByteRange: Equatable {
    enum Wish: Equatable {
        /// All of it, also when what is asked for cannot be understood or is several parts: a server may answer so.
        case whole
        case part(Range<Int64>)
        /// Nothing of what is asked for exists.
        case unsatisfiable
    }

    static func wish(_ header: String?, size: Int64) -> Wish {
        guard let header, let equals = header.firstIndex(of: "="),
            header[..<equals].lowercased().filter({ $0 != " " }) == "bytes"
        else { return .whole }
        let text = header[header.index(after: equals)...].filter { $0 != " " && $0 != "\t" }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard !text.contains(","), ends.count == 2,
            ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return .whole }
        // What is larger than any number is larger than any file.
        let (first, last) = (number(ends[0]), number(ends[1]))
        switch (first, last) {
        case (nil, nil): return .whole
        case (nil, let suffix?):
            return suffix == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - suffix)..<size)
        case (let first?, nil): return first < size ? .part(first..<size) : .unsatisfiable
        case (let first?, let last?):
            if last < first { return .whole }
            return first < size ? .part(first..<min(size, last == .max ? last : last + 1)) : .unsatisfiable
        }
    }

    private static func number(_ digits: Substring) -> Int64? {
        digits.isEmpty ? nil : Int64(digits) ?? .max
    }
}
