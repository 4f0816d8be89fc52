/// One thing that was looked at, and what to do about it.
package struct Finding: Sendable, Equatable {
    /// Whether anything has to be done.
    package enum Weight: String, Sendable {
        case fine
        /// It works; it may surprise somebody.
        case remark
        case problem
    }

    /// Where something is wrong, for whoever makes an exit code of it.
    package enum Cause: Sendable, Equatable {
        /// This machine or its settings.
        case machine
        /// Files and directories of ours.
        case files
        /// A mount that hangs or is dead.
        case mount
        /// The name of a host.
        case name
        /// A server is away, or busy with itself.
        case server
        /// What answers is no Stash that can be used.
        case misfit
        case key
    }

    /// What was looked at: a word for programs, such as `fuse-device`.
    package let check: String
    package let weight: Weight
    package let cause: Cause
    /// One lower-case sentence. Never holds a key.
    package let sentence: String
    /// What to do; nil when there is nothing to mend.
    package let mend: String?

    package static func fine(_ check: String, _ sentence: String) -> Finding {
        Finding(check: check, weight: .fine, cause: .machine, sentence: sentence, mend: nil)
    }

    package static func remark(_ check: String, _ sentence: String, mend: String? = nil) -> Finding {
        Finding(check: check, weight: .remark, cause: .machine, sentence: sentence, mend: mend)
    }

    package static func problem(_ check: String, _ cause: Cause, _ sentence: String, mend: String) -> Finding {
        Finding(check: check, weight: .problem, cause: cause, sentence: sentence, mend: mend)
    }
}

/// Findings about one thing: this machine, the directories, a server.
package struct Examination: Sendable {
    package let subject: String
    package var findings: [Finding]

    package init(subject: String, findings: [Finding]) {
        self.subject = subject
        self.findings = findings
    }
}
