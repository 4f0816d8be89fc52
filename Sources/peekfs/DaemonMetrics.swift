import Control
import CoreMetrics
import DiskCache
import Filesystem
import Foundation
import Library
import Media
import Prometheus
import Stash
import Sync

/// What the daemon counts, and what it looks up when somebody asks.
///
/// Servers go by the names of their instances, which people chose and which stand in the log as well. No label holds a title,
/// a path, an address or a key.
final class DaemonMetrics: Sendable {
    /// Everything there is, in the order in which it is shown.
    static let descriptions: [MetricDescription] = [
        MetricDescription("peekfs_operations_total", .counter, "What the kernel asked for, by how it was answered."),
        MetricDescription(
            "peekfs_operation_duration_seconds", .latencies, "From a request of the kernel to its answer."),
        MetricDescription("peekfs_open_files", .gauge, "Media files that are open."),
        MetricDescription("peekfs_parked_reads", .gauge, "Reads that wait for a server or for memory."),
        MetricDescription("peekfs_read_bytes_total", .counter, "Bytes that reads got, by where they were."),
        MetricDescription("peekfs_memory_blocks", .gauge, "Blocks of media files in memory."),
        MetricDescription("peekfs_kernel_notices_queued", .gauge, "What the kernel is still to be told to forget."),
        MetricDescription("peekfs_ratings_queued", .gauge, "Changes of people's data that wait for a transaction."),
        MetricDescription("peekfs_cache_bytes", .gauge, "What the disk cache takes."),
        MetricDescription("peekfs_cache_limit_bytes", .gauge, "What the disk cache may take; 0 when there is none."),
        MetricDescription("peekfs_cache_free_bytes", .gauge, "What is free on the disk of the cache."),
        MetricDescription("peekfs_cache_suspended", .gauge, "1 while the disk cache cannot be written."),
        MetricDescription("peekfs_cache_writes_queued", .gauge, "Blocks that wait to be written to the disk cache."),
        MetricDescription("peekfs_transfers", .gauge, "Requests for media that run."),
        MetricDescription("peekfs_server_up", .gauge, "1 while the server's files can be read."),
        MetricDescription("peekfs_server_requests_total", .counter, "Requests to a server, by how they ended."),
        MetricDescription("peekfs_server_received_bytes_total", .counter, "Bytes of bodies that came from a server."),
        MetricDescription("peekfs_sync_duration_seconds", .longTimes, "How long a pass over a server took."),
        MetricDescription("peekfs_sync_rows_total", .counter, "Rows of passes, by what became of them."),
        MetricDescription(
            "peekfs_sync_last_success_timestamp_seconds", .gauge, "When a pass last got through everything."),
        MetricDescription("peekfs_library_members", .gauge, "What the index has of a server."),
        MetricDescription("process_start_time_seconds", .gauge, "When the daemon was started."),
        MetricDescription("process_resident_memory_bytes", .gauge, "Memory of the daemon."),
        MetricDescription("process_open_fds", .gauge, "Open file descriptors of the daemon."),
    ]

    private struct Counted {
        var generation: Int64 = -1
        var members: [InstanceNumber: [Kind: Int]] = [:]
    }

    private let registry: MetricsRegistry
    private let started = Date()
    private let counted = Lock(Counted())
    /// What is set of a server while it is configured.
    private let ofServers = Lock<[Meter]>([])

    /// Before anything that counts is made.
    init() {
        registry = MetricsRegistry(Self.descriptions)
        MetricsSystem.bootstrap(registry)
    }

    /// Takes what came of a pass.
    func note(_ report: SyncReport, of server: String) {
        Timer(
            label: "peekfs_sync_duration_seconds",
            dimensions: [("server", server), ("result", report.error == nil ? "ok" : "failed")]
        ).recordSeconds(report.seconds)
        for (kind, found) in report.kinds {
            for (outcome, count) in [
                ("stored", found.rows), ("changed", found.changed), ("removed", found.removed),
                ("set_aside", found.setAside),
            ] where count > 0 {
                Counter(
                    label: "peekfs_sync_rows_total",
                    dimensions: [("server", server), ("kind", kind.word), ("outcome", outcome)]
                ).increment(by: count)
            }
        }
    }
}

extension DaemonMetrics {
    /// Where the numbers are that are looked up.
    struct Sources: Sendable {
        let media: MediaStore
        let disk: DiskCache?
        let index: IndexDatabase
        let state: StateDatabase
        let scheduler: SyncScheduler
        let filesystem: PeekFilesystem
    }

    /// `GET /metrics`.
    func route(_ sources: Sources) -> Route {
        Route(
            .get, "/metrics",
            .blocking { [self] _ in
                Answer(body: Data(try text(sources).utf8), type: MetricsRegistry.contentType)
            })
    }

    /// Everything, in Prometheus' text format.
    private func text(_ sources: Sources) throws -> String {
        let media = sources.media.counters()
        set("peekfs_open_files", media.handles)
        set("peekfs_parked_reads", media.parkedReads)
        set("peekfs_memory_blocks", media.blocks)
        set("peekfs_transfers", media.transfers)
        set("peekfs_cache_writes_queued", media.blocksToStore)
        set("peekfs_kernel_notices_queued", sources.filesystem.noticesQueued)
        set("peekfs_ratings_queued", sources.state.waitingChanges)
        set("peekfs_cache_limit_bytes", Int(sources.disk?.limits.bytes ?? 0))
        if let disk = sources.disk {
            set("peekfs_cache_bytes", Int(disk.room))
            set("peekfs_cache_suspended", disk.trouble == nil ? 0 : 1)
            if let free = disk.free { set("peekfs_cache_free_bytes", Int(free)) }
        }
        set("process_start_time_seconds", Int(started.timeIntervalSince1970))
        set("process_resident_memory_bytes", Self.residentMemory)
        set("process_open_fds", Self.openDescriptors)
        return try textWithServers(sources)
    }

    private func textWithServers(_ sources: Sources) throws -> String {
        let members = try members(in: sources.index)
        let synced = Dictionary(
            sources.scheduler.status().map { ($0.instance, $0.lastSuccess) }, uniquingKeysWith: { $1 })
        let instances = try sources.state.instances()
        // What is gone since somebody asked last is not shown again; two who ask at once do it one after the other.
        return ofServers.withLock { meters in
            for meter in meters { meter.destroy() }
            meters = []
            func set(_ label: String, _ dimensions: [(String, String)], _ value: Int) {
                let meter = Meter(label: label, dimensions: dimensions)
                meter.set(value)
                meters.append(meter)
            }
            for instance in instances {
                let server = [("server", instance.name)]
                for (kind, count) in members[instance.number] ?? [:] {
                    set("peekfs_library_members", server + [("kind", kind.word)], count)
                }
                guard instance.enabled else { continue }
                set("peekfs_server_up", server, sources.media.health(of: instance.number.rawValue) == .up ? 1 : 0)
                if let time = synced[instance.number] ?? nil {
                    set("peekfs_sync_last_success_timestamp_seconds", server, Int(time))
                }
            }
            return registry.text()
        }
    }

    /// Counted again only when the index has changed: it takes a moment in a large one, and some ask every second.
    private func members(in index: IndexDatabase) throws -> [InstanceNumber: [Kind: Int]] {
        let generation = try index.generation()
        if let known = counted.withLock({ $0.generation == generation ? $0.members : nil }) { return known }
        let members = try index.counts()
        counted.withLock { $0 = Counted(generation: generation, members: members) }
        return members
    }

    private func set(_ label: String, _ value: Int) { Meter(label: label).set(value) }

    /// The second number of /proc/self/statm counts pages (proc(5)).
    private static var residentMemory: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    private static var openDescriptors: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }
}
