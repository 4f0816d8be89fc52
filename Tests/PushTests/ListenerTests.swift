import FakeStash
import Foundation
import NIOCore
import NIOPosix
import Stash
import Synchronization
import Testing

@testable import Push

/// What listeners told, and waiting for it.
final class News: Sendable {
    private let all = Mutex<[PushNews]>([])

    func add(_ news: PushNews) { all.withLock { $0.append(news) } }

    var list: [PushNews] { all.withLock { $0 } }

    /// Waits until there are so many like this; the test's time limit bounds it.
    func wait(for news: PushNews, times: Int = 1) async throws {
        while list.count(where: { $0 == news }) < times { try await Task.sleep(for: .milliseconds(5)) }
    }
}

/// Over real sockets.
@Suite(.serialized, .timeLimit(.minutes(9))) struct ListenerTests {
    /// Short enough to see everything happen.
    static func times() -> PushTimes {
        var times = PushTimes()
        times.answer = .seconds(3)
        (times.quiet, times.silence, times.tick) = (.milliseconds(100), .seconds(60), .milliseconds(20))
        (times.firstPause, times.longestPause, times.refusedPause) = (
            .milliseconds(5), .milliseconds(20), .seconds(600)
        )
        return times
    }

    /// Runs `body` while a server is listened to.
    private func listening(
        to fake: FakeStash, key: String? = nil, times: PushTimes = times(), _ body: (News) async throws -> Void
    ) async throws {
        let news = News()
        let listeners = PushListeners(times: times) { number, told in
            #expect(number == 7)
            news.add(told)
        }
        listeners.set(
            7, ServerAccess(address: try ServerAddress(fake.url), apiKey: key.flatMap { APIKey($0) }))
        defer {
            listeners.stop()
            fake.stop()
        }
        try await body(news)
    }

    @Test(arguments: Generation.allCases)
    func `the ends of jobs and scans are told, and nothing else is`(generation: Generation) async throws {
        var configuration = FakeStash.Configuration()
        configuration.generation = generation
        configuration.basePath = "/stash"
        let fake = try FakeStash.start(configuration)
        try await listening(to: fake) { news in
            try await news.wait(for: .listening)
            while fake.audience.listeners == 0 { try await Task.sleep(for: .milliseconds(5)) }
            for occasion in Audience.Occasion.allCases { fake.audience.announce(occasion) }
            try await news.wait(for: .changed(.scanCompleted))
            #expect(news.list == [.listening, .changed(.jobEnded), .changed(.scanCompleted)])
        }
    }

    @Test func `the key goes into a header of the first request and nowhere else`() async throws {
        var configuration = FakeStash.Configuration()
        configuration.apiKey = "a-secret"
        configuration.requiresLogin = true
        let fake = try FakeStash.start(configuration)
        try await listening(to: fake, key: "a-secret") { news in
            try await news.wait(for: .listening)
            let request = try #require(fake.requests.first)
            #expect(request.key == .right)
            #expect(!request.hasKeyInURL)
            #expect(request.path == "/graphql")
            #expect(!fake.audience.heard.contains { $0.contains("a-secret") })
        }
    }

    @Test func `a lost connection is made again, and what was missed meanwhile is looked for`() async throws {
        let fake = try FakeStash.start()
        try await listening(to: fake) { news in
            for round in 1...3 {
                try await news.wait(for: .listening, times: round)
                #expect(news.list.count { $0 == .changed(.resumed) } == round - 1)
                fake.audience.drop()
            }
            try await news.wait(for: .changed(.resumed), times: 3)
        }
    }

    @Test(arguments: [Audience.Behaviour.silent, .garbage, .binary])
    func `a server that misbehaves is left and tried again`(behaviour: Audience.Behaviour) async throws {
        let fake = try FakeStash.start()
        fake.audience.behave(behaviour)
        try await listening(to: fake) { news in
            while fake.requests.count < 3 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(news.list.isEmpty)
            fake.audience.behave(.normal)
            try await news.wait(for: .listening)
        }
    }

    @Test func `a server that falls silent is noticed`() async throws {
        let fake = try FakeStash.start()
        var times = Self.times()
        times.silence = .seconds(2)
        try await listening(to: fake, times: times) { news in
            try await news.wait(for: .listening)
            fake.audience.behave(.silent)
            while fake.requests.count < 2 { try await Task.sleep(for: .milliseconds(5)) }
            fake.audience.behave(.normal)
            try await news.wait(for: .changed(.resumed))
        }
    }

    @Test func `a quiet server is kept, and its own questions are answered`() async throws {
        let fake = try FakeStash.start()
        try await listening(to: fake) { news in
            try await news.wait(for: .listening)
            while fake.audience.heard.count(where: { $0.contains("ping") }) < 10 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(fake.requests.count == 1, "still the first connection")
            fake.audience.behave(.asking)
            fake.audience.announce(.jobEnded)
            while !fake.audience.heard.contains(where: { $0.contains("pong") }) {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test(arguments: [
        Fault.Action.status(400, "no"), .status(401, ""), .status(502, "Bad Gateway"), .loginPage, .redirectToLogin,
        .body("{}", contentType: "application/json"),
    ])
    func `a refusal is told once, and not followed anywhere`(action: Fault.Action) async throws {
        let fake = try FakeStash.start()
        fake.faults.add(Fault(path: "/graphql", method: "GET", action: action))
        var times = Self.times()
        times.refusedPause = .milliseconds(10)
        try await listening(to: fake, times: times) { news in
            while fake.requests.count < 4 { try await Task.sleep(for: .milliseconds(5)) }
            guard case .unavailable(let reason) = news.list.first else {
                Issue.record("told \(news.list)")
                return
            }
            #expect(reason.hasPrefix("it answered "))
            #expect(news.list.count == 1)
            #expect(fake.requests.allSatisfy { $0.path == "/graphql" })
            fake.faults.removeAll()
            try await news.wait(for: .listening)
        }
    }

    @Test func `a server without these subscriptions is told of as one that does not tell`() async throws {
        let fake = try FakeStash.start()
        fake.audience.behave(.declining)
        try await listening(to: fake) { news in
            try await news.wait(for: .unavailable("it has no subscriptions"))
        }
    }

    @Test func `a server that hangs or drops the connection is tried again`() async throws {
        for action in [Fault.Action.hang, .drop] {
            let fake = try FakeStash.start()
            fake.faults.add(Fault(path: "/graphql", method: "GET", times: 2, action: action))
            try await listening(to: fake) { news in
                try await news.wait(for: .listening)
                #expect(fake.requests.count >= 3)
                #expect(!news.list.contains { if case .unavailable = $0 { true } else { false } })
            }
        }
    }

    @Test func `who is not listened to any more tells nothing`() async throws {
        let fake = try FakeStash.start()
        defer { fake.stop() }
        let news = News()
        let listeners = PushListeners(times: Self.times()) { news.add($1) }
        defer { listeners.stop() }
        let access = ServerAccess(address: try ServerAddress(fake.url))
        listeners.set(1, access)
        try await news.wait(for: .listening)
        listeners.set(1, nil)
        while fake.audience.listeners > 0 { try await Task.sleep(for: .milliseconds(5)) }
        fake.audience.announce(.jobEnded)
        listeners.set(2, access)
        try await news.wait(for: .listening, times: 2)
        #expect(news.list == [.listening, .listening])
    }
}
