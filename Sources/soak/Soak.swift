import FakeStash
import Foundation

/// `soak MOUNTPOINT THREADS SEED`: reads a mount in every way that programs read, and compares each byte with what the fake
/// servers make it of.
///
/// Whoever does things to servers and daemons says so on standard input, before it does them. An error is right only where
/// something that was said explains it.
///
/// | line | what it says |
/// |---|---|
/// | `has attic scene 3 00c0ffee 123456` | from now on this thing may have these bytes (the rest is a line of a manifest) |
/// | `begin sick attic` | requests to this server fail, stall, or get what is no answer |
/// | `begin lies attic` | it also says of files what they are not, as if they were replaced |
/// | `begin gone attic` | it is disabled |
/// | `begin dead` | the daemon is killed, or not there |
/// | `end sick attic` | that is over |
/// | `finish` | all is well: every file is now read from its beginning to its end, and has to be right |
@main
struct Soak {
    static func main() {
        let words = CommandLine.arguments
        guard words.count == 4, let threads = Int(words[2]), let seed = UInt64(words[3]) else {
            print("usage: soak MOUNTPOINT THREADS SEED")
            exit(64)
        }
        let job = Job(mountPoint: words[1], seed: seed)
        let readers = Group()
        readers.start {
            while !job.isFinished {
                job.look()
                sleep(3)
            }
        }
        for number in 0..<threads {
            readers.start {
                var reader = Reader(job, number: number)
                reader.run()
            }
        }
        readers.detach {
            while !job.isFinished {
                sleep(10)
                say(job.tally.value.description)
            }
        }
        while let line = readLine(), line != "finish" {
            if !job.hear(line) { say("not understood: \(line)") }
        }
        job.finish()
        readers.wait()
        job.look()
        let files = job.files
        for file in files { Reader.verify(file, job) }
        let counts = job.tally.value
        say("at last all \(files.count) files whole; " + counts.description)
        exit(counts.failures == 0 && counts.bytes > 0 && !files.isEmpty ? 0 : 1)
    }
}

/// Threads of their own, for a read may wait long.
private struct Group {
    private let group = DispatchGroup()

    func start(_ body: @escaping @Sendable () -> Void) {
        group.enter()
        detach { [group] in
            body()
            group.leave()
        }
    }

    func detach(_ body: @escaping @Sendable () -> Void) { Thread.detachNewThread(body) }

    func wait() { group.wait() }
}

/// Prints a line.
func say(_ text: String) {
    print(text)
    fflush(nil)
}
