import Library

/// How fast a stage of a pass goes, and how long it will take. Pure: the time is given.
package struct SyncPace: Sendable {
    private var stage: SyncProgress.Stage?
    private var began: Duration = .zero
    /// What was done already when the stage was first seen.
    private var first = 0

    package init() {}

    /// Takes where a pass is, at a time since any beginning.
    ///
    /// - Returns: Rows a second and seconds left; nil for the first half second of a stage, when both would be a guess.
    package mutating func note(_ progress: SyncProgress, at now: Duration) -> (rate: Double, secondsLeft: Int)? {
        guard stage == progress.stage else {
            (stage, began, first) = (progress.stage, now, progress.done)
            return nil
        }
        let seconds = (now - began) / .seconds(1)
        guard seconds > 0.5, progress.done > first else { return nil }
        let rate = Double(progress.done - first) / seconds
        return (rate, Int((Double(max(0, progress.total - progress.done)) / rate).rounded(.up)))
    }
}

extension SyncProgress.Stage {
    /// A word for it: `connecting`, `scenes`, `pictures of performers`.
    package var word: String {
        switch self {
        case .connecting: "connecting"
        case .rows(let kind): kind.directoryName
        case .pictures(let kind): "pictures of \(kind.directoryName)"
        case .sidecars: "sidecars"
        case .deriving: "deriving"
        }
    }
}

/// Makes a pass's progress into events: every stage, and in between no more than a few a second.
package struct ProgressEvents: Sendable {
    private static let interval = Duration.milliseconds(250)

    private var pace = SyncPace()
    private var stage: SyncProgress.Stage?
    private var last: Duration?

    package init() {}

    /// What is to be told of it, at a time since any beginning; nil when it is too soon after what was told.
    package mutating func event(_ progress: SyncProgress, at now: Duration) -> SyncEvent.Progress? {
        let pace = pace.note(progress, at: now)
        let isEnd = progress.total > 0 && progress.done >= progress.total
        if stage == progress.stage, !isEnd, let last, now - last < Self.interval { return nil }
        (stage, last) = (progress.stage, now)
        return SyncEvent.Progress(
            stage: progress.stage.word, done: progress.done, total: progress.total, rate: pace?.rate,
            secondsLeft: pace?.secondsLeft)
    }
}
