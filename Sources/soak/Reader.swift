import Foundation

/// One thread that opens files and reads them as programs do.
struct Reader {
    private let job: Job
    private var random: Random
    private let buffer: UnsafeMutableRawBufferPointer

    /// As large as the largest read.
    private static let bufferSize = 1 << 20

    init(_ job: Job, number: Int) {
        self.job = job
        random = Random(seed: job.seed &+ UInt64(number) &* 0x1234_5678_9abc_def1)
        // Page-aligned, as O_DIRECT wants it.
        buffer = .allocate(byteCount: Self.bufferSize, alignment: 4096)
    }

    /// Reads until the job is over.
    mutating func run() {
        defer { buffer.deallocate() }
        while !job.isFinished {
            let files = job.files
            guard !files.isEmpty else {
                usleep(50_000)
                continue
            }
            // Half of the time one of a few that all threads read.
            let count = chance(2) ? min(6, files.count) : files.count
            visit(files[Int.random(in: 0..<count, using: &random)])
        }
    }

    /// Reads a file from its beginning to its end, when all is well: it has to have all bytes of now, at the latest when
    /// everybody has seen that all is well.
    static func verify(_ file: MountedFile, _ job: Job) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 4096)
        defer { buffer.deallocate() }
        let end = ContinuousClock.now + Incidents.echo
        while true {
            if let opened = OpenedFile(file, job) {
                opened.forget()
                var place: Int64 = 0
                while case .bytes(let count) = opened.read(place, bufferSize, into: buffer) { place += Int64(count) }
                let now = job.truth.present(file.refs)
                if let versions = opened.versions, now.contains(where: { versions.contains($0) && $0.size == place }) {
                    return
                }
            }
            guard ContinuousClock.now < end else {
                return job.tally.fail("\(file.path) \(file.refs) is not well again")
            }
            usleep(500_000)
        }
    }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    private mutating func visit(_ file: MountedFile) {
        let isDirect = chance(6)
        guard let opened = OpenedFile(file, job, isDirect: isDirect) else {
            usleep(20_000)
            return
        }
        if chance(2) { opened.forget() }
        let size = max(1, opened.size)
        let isGood =
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1: readRandomly(opened, size)
            case 2: readOn(opened, size, isBackwards: false)
            case 3: readOn(opened, size, isBackwards: true)
            case 4: readStrided(opened, size)
            case 5: isDirect ? readRandomly(opened, size) : map(opened, size)
            case 6: readTwice(opened, size)
            default: readAsPlayer(opened, size)
            }
        // Whoever gets an error tries again at some time, not at once.
        if !isGood { usleep(.random(in: 1000...50_000, using: &random)) }
    }

    /// A size that some program reads with.
    private mutating func length() -> Int {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: .random(in: 1...100, using: &random)
        case 1: 4096
        case 2: 65536
        case 3: .random(in: 1...Self.bufferSize, using: &random)
        case 4: Self.bufferSize
        default: .random(in: 1000...200_000, using: &random)
        }
    }

    /// A place, with a liking for pages' and blocks' edges and for the end.
    private mutating func offset(_ size: Int64) -> Int64 {
        let any = Int64.random(in: 0..<size, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return any / 4096 * 4096
        case 1: return max(0, any / 131_072 * 131_072 + .random(in: -2...2, using: &random))
        case 2: return max(0, size - .random(in: 1...5000, using: &random))
        case 3: return size + .random(in: -1...5000, using: &random)
        default: return any
        }
    }

    private mutating func readRandomly(_ file: OpenedFile, _ size: Int64) -> Bool {
        for _ in 0..<Int.random(in: 1...20, using: &random) where !job.isFinished {
            guard file.read(offset(size), length(), into: buffer) != .failed else { return false }
        }
        return true
    }

    /// Goes on until the end, or is closed in the middle.
    private mutating func readOn(_ file: OpenedFile, _ size: Int64, isBackwards: Bool) -> Bool {
        let step = Int64(length())
        var place = isBackwards ? max(0, size - step) : chance(2) ? 0 : offset(size)
        var left = chance(3) ? Int.random(in: 1...10, using: &random) : Int(40_000_000 / step)
        while left > 0, !job.isFinished {
            let count = isBackwards ? Int(min(step, size)) : Int(step)
            switch file.read(place, count, into: buffer) {
            case .failed: return false
            case .end: return true
            case .bytes: break
            }
            if isBackwards, place == 0 { return true }
            place = isBackwards ? max(0, place - step) : place + step
            left -= 1
        }
        return true
    }

    private mutating func readStrided(_ file: OpenedFile, _ size: Int64) -> Bool {
        let step = Int64.random(in: 50_000...700_000, using: &random)
        for place in stride(from: offset(size) % step, to: size, by: Int(step)) where !job.isFinished {
            guard file.read(place, 32_768, into: buffer) != .failed else { return false }
        }
        return true
    }

    private mutating func map(_ file: OpenedFile, _ size: Int64) -> Bool {
        for _ in 0..<4 where !job.isFinished {
            guard file.readMapping(offset(size), length(), into: buffer) != .failed else { return false }
        }
        return true
    }

    /// Two open files of one file, and a pause in which it may be replaced.
    private mutating func readTwice(_ file: OpenedFile, _ size: Int64) -> Bool {
        for _ in 0..<3 {
            guard file.read(offset(size), length(), into: buffer) != .failed else { return false }
        }
        if chance(3) { usleep(.random(in: 0...3_000_000, using: &random)) }
        guard let second = OpenedFile(file.file, job, isDirect: chance(3)) else { return false }
        for _ in 0..<4 where !job.isFinished {
            let isSecondGood = second.read(offset(size), length(), into: buffer) != .failed
            guard file.read(offset(size), length(), into: buffer) != .failed, isSecondGood else { return false }
        }
        return true
    }

    /// The head, the end, and then on from some place in even steps.
    private mutating func readAsPlayer(_ file: OpenedFile, _ size: Int64) -> Bool {
        for (place, count) in [(0, 4096), (max(0, size - 65536), 65536), (0, 131_072)] {
            guard file.read(place, count, into: buffer) != .failed else { return false }
        }
        for _ in 0..<3 {
            var place = Int64.random(in: 0..<size, using: &random)
            for _ in 0..<16 where !job.isFinished {
                guard file.read(place, 65536, into: buffer) != .failed else { return false }
                place += 65536
            }
        }
        return true
    }
}

/// SplitMix64, so that what a thread chooses can be repeated.
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
