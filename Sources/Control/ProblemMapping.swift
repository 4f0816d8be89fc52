import Foundation
import Library
import Stash
import Sync

/// The one table from the errors of other modules to problems.
extension Problem {
    package init(explaining error: any Error) {
        self =
            switch error {
            case let problem as Problem: problem
            case let error as InstanceError: Self.explained(error)
            case let error as EntityNameError: Self.explained(error)
            case let error as DecisionError: Self.explained(error)
            case let error as StoreError:
                switch error {
                case .newer: Problem(.configuration, error.description, status: 500)
                case .unusable: Problem(.ioError, error.description)
                }
            case let error as SyncError: Self.explained(error)
            case let error as StashError: Problem(.unavailable, "\(error)", status: 502)
            default: Problem(.software, "\(error)")
            }
    }

    private static func explained(_ error: InstanceError) -> Problem {
        switch error {
        case .noSuchInstance: Problem(.notFound, error.description)
        case .nameTaken: Problem(.exists, error.description, hint: "change it with `peekfs instance set`")
        case .changedMeanwhile: Problem(.busy, error.description, hint: "look at it and try again", status: 409)
        case .badName: Problem(.usage, error.description)
        case .nothingToAdopt: Problem(.busy, error.description, hint: "see `peekfs instance list`", status: 409)
        }
    }

    /// Why a server could not be read.
    private static func explained(_ error: SyncError) -> Problem {
        switch error {
        case .server(.unauthorised, _): Problem(.noPermission, "\(error)")
        case .server(.unreachable(.nameNotResolved), _): Problem(.noHost, "\(error)")
        case .server(.notStash, _), .server(.tls, _), .tooOld: Problem(.notStash, "\(error)")
        case .server: Problem(.unavailable, "\(error)")
        case .busy, .cancelled: Problem(.busy, "\(error)")
        // A person has to set the address right, or to confirm what is there: no later try will do.
        case .otherCatalogue, .olderCatalogue, .configuration: Problem(.configuration, "\(error)")
        case .local: Problem(.ioError, "\(error)")
        }
    }

    private static func explained(_ error: EntityNameError) -> Problem {
        switch error {
        case .badForm:
            Problem(.usage, error.description, hint: "`getfattr -n user.peekfs.id FILE` shows it on the mount")
        case .noSuchInstance: Problem(.notFound, error.description, status: 422)
        case .noSuchKind: Problem(.usage, error.description)
        }
    }

    private static func explained(_ error: DecisionError) -> Problem {
        func quoted(_ names: String...) -> String { names.map(Words.shellQuoted).joined(separator: " ") }
        return switch error {
        case .sameServer, .differentKinds: Problem(.usage, error.description)
        case .unknown: Problem(.notFound, error.description, hint: "if it is new, run `peekfs sync` first")
        case .contradicts(let a, let b, _, _):
            Problem(
                .contradiction, error.description,
                hint: "take that one back with `peekfs merge undo \(quoted(a, b))` if it is wrong")
        case .alreadyLinked, .alreadySplit: Problem(.exists, error.description, hint: "see `peekfs merge list`")
        case .notLinked, .notSplit(_, .none):
            Problem(.notFound, error.description, hint: "see `peekfs merge list`")
        case .notSplit(let name, .some(let other)):
            Problem(.notFound, error.description, hint: "peekfs merge undo \(quoted(name, other))")
        }
    }
}
