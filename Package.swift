// swift-tools-version: 6.3
import PackageDescription

// Every target is compiled with the same strictness; `treatAllWarnings` makes a warning an error.
let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "peekfs",
    products: [
        .executable(name: "peekfs", targets: ["peekfs"]),
        .executable(name: "fake-stash", targets: ["fake-stash"]),
        .executable(name: "soak", targets: ["soak"]),
    ],
    dependencies: [
        // SQLite: pools of connections, cached statements, migrations, online backup.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // The command line: parsing, help, shell completions.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Log lines with levels and metadata.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Counters and timers that are made where something happens and shown somewhere else.
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        // WebSockets, by which servers tell that something was done: Debian's libcurl has none. And the HTTP/1.1 server below
        // FakeStash, which has to misbehave down to single bytes and resets.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // The same over TLS, with an instance's own trust.
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // The HTTP server of the control API: routing, streaming bodies, graceful ends; without reading its configuration from
        // files, which needs another library.
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        // The vocabulary of HTTP that Hummingbird speaks.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CFuse", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

        // Checksums of cached blocks, faster than memory.
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

        .target(
            name: "Fuse", dependencies: ["CFuse", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),
        .target(
            name: "Stash", dependencies: ["CCurl", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),
        .target(
            name: "Library",
            dependencies: [
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ], swiftSettings: strict),
        .target(
            name: "Derive", dependencies: ["Library", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(
            name: "Suggest", dependencies: ["Library", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(
            name: "Peek", dependencies: ["Library", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(name: "DiskCache", dependencies: ["CXXHash"], swiftSettings: strict),
        .target(
            name: "Media",
            dependencies: ["Stash", "DiskCache", .product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),
        .target(
            name: "Prometheus", dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")],
            swiftSettings: strict),
        .target(
            name: "Service", dependencies: [.product(name: "Logging", package: "swift-log")], swiftSettings: strict),
        .target(
            name: "Push",
            dependencies: [
                "Stash",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: strict),
        .target(
            name: "Sync", dependencies: ["Stash", "Library", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "Filesystem",
            dependencies: ["Fuse", "Media", "Library", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict),
        .target(
            name: "Doctor", dependencies: ["Fuse", "Stash", "Library", "DiskCache"], swiftSettings: strict),
        .target(
            name: "Control",
            dependencies: [
                "Library", "Suggest", "Sync", "Media", "Stash",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            // Part of the program, so that it is one file.
            resources: ["page.html", "page.css", "page.js", "page.svg"].map { .embedInCode($0) },
            swiftSettings: strict),
        .executableTarget(
            name: "peekfs",
            dependencies: [
                "Fuse", "Stash", "Library", "Derive", "Peek", "Push", "Sync", "DiskCache", "Media", "Filesystem",
                "Control", "Doctor", "Prometheus", "Service", .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: strict),

        .target(
            name: "FakeStash",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            resources: [.copy("Clips")], swiftSettings: strict),
        .executableTarget(
            name: "fake-stash",
            dependencies: ["FakeStash", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        .systemLibrary(name: "CXattr"),
        .executableTarget(name: "soak", dependencies: ["FakeStash", "CXattr"], swiftSettings: strict),

        .testTarget(name: "FuseTests", dependencies: ["Fuse"], swiftSettings: strict),
        .testTarget(name: "StashTests", dependencies: ["Stash", "FakeStash"], swiftSettings: strict),
        .testTarget(
            name: "LibraryTests",
            dependencies: ["Library", "Derive", "Suggest", "Peek", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .testTarget(
            name: "SyncTests", dependencies: ["Sync", "Stash", "Library", "Derive", "FakeStash"], swiftSettings: strict),
        .testTarget(
            name: "PushTests",
            dependencies: [
                "Push", "Stash", "FakeStash",
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: strict),
        .testTarget(name: "DiskCacheTests", dependencies: ["DiskCache"], swiftSettings: strict),
        .testTarget(
            name: "MediaTests", dependencies: ["Media", "DiskCache", "Stash", "FakeStash"], swiftSettings: strict),
        .testTarget(
            name: "FilesystemTests", dependencies: ["Filesystem", "Library", "Fuse", "Media", "Stash"],
            swiftSettings: strict),
        .testTarget(name: "FakeStashTests", dependencies: ["FakeStash"], swiftSettings: strict),
        .testTarget(
            name: "PeekfsTests",
            dependencies: [
                "peekfs", "Control", "FakeStash", "Library", "Peek", "Service", "Sync",
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "MountTests",
            dependencies: ["peekfs", "FakeStash", "CXattr", .product(name: "GRDB", package: "GRDB.swift")],
            swiftSettings: strict),
        .testTarget(
            name: "DoctorTests", dependencies: ["Doctor", "Stash", "FakeStash", "Fuse"], swiftSettings: strict),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "Service", "Prometheus", .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ], swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
