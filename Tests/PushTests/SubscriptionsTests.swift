import Stash
import Testing

@testable import Push

/// The talk by itself, without a network.
@Suite struct SubscriptionsTests {
    private func times() -> PushTimes {
        var times = PushTimes()
        (times.answer, times.quiet, times.silence) = (.seconds(10), .seconds(20), .seconds(40))
        return times
    }

    private func heard(_ talk: inout Subscriptions, _ text: String, at seconds: Int = 0) -> [Subscriptions.Action] {
        talk.heard(Array(text.utf8), at: .seconds(seconds))
    }

    private func acknowledged() -> Subscriptions {
        var talk = Subscriptions(times(), at: .zero)
        _ = heard(&talk, #"{"type":"connection_ack"}"#)
        return talk
    }

    @Test func `what is subscribed to is asked for once, after the server is ready`() throws {
        var talk = Subscriptions(times(), at: .zero)
        #expect(talk.greeting == #"{"type":"connection_init"}"#)
        let first = heard(&talk, #"{"type":"connection_ack"}"#)
        let said = first.compactMap { if case .say(let text) = $0 { text } else { nil } }
        #expect(said.count == 2)
        #expect(said.contains { $0.contains("jobsSubscribe") })
        #expect(said.contains { $0.contains("scanCompleteSubscribe") })
        #expect(first.last == .listening)
        #expect(heard(&talk, #"{"type":"connection_ack"}"#).isEmpty)
    }

    @Test(arguments: [
        (
            #"{"type":"next","id":"jobs","payload":{"data":{"jobsSubscribe":{"type":"REMOVE","job":{"id":"3"}}}}}"#,
            PushNews.Reason.jobEnded
        ),
        (#"{"type":"next","id":"jobs","payload":{"data":{"jobsSubscribe":{"type":"ADD","job":{"id":"3"}}}}}"#, nil),
        (#"{"type":"next","id":"jobs","payload":{"data":{"jobsSubscribe":{"type":"UPDATE","job":{"id":"3"}}}}}"#, nil),
        (#"{"type":"next","id":"scans","payload":{"data":{"scanCompleteSubscribe":true}}}"#, .scanCompleted),
        (#"{"type":"next","id":"scans","payload":{"data":{"scanCompleteSubscribe":false}}}"#, nil),
        (#"{"type":"next","id":"scans","payload":{"errors":[{"message":"x"}],"data":null}}"#, nil),
        (#"{"type":"next","id":"other","payload":{"data":{"scanCompleteSubscribe":true}}}"#, nil),
        (#"{"type":"next"}"#, nil), (#"{"type":"ka"}"#, nil), (#"{"type":"pong"}"#, nil),
    ])
    func `only the end of a job or a scan is news`(message: String, reason: PushNews.Reason?) {
        var talk = acknowledged()
        #expect(heard(&talk, message) == (reason.map { [.tell($0)] } ?? []))
    }

    @Test(arguments: ["", "<html>", "[]", "7", #"{"type":3}"#, #"{"id":"jobs"}"#, "{\"type\":\"next\"", "\u{0}"])
    func `what is no message ends the connection`(text: String) {
        var talk = acknowledged()
        #expect(heard(&talk, text) == [.end(.broken("it sent what is no message"))])
    }

    @Test func `a ping is answered`() {
        var talk = acknowledged()
        #expect(heard(&talk, #"{"type":"ping"}"#) == [.say(#"{"type":"pong"}"#)])
    }

    @Test func `one topic is enough, none is a refusal`() {
        var talk = acknowledged()
        #expect(heard(&talk, #"{"type":"error","id":"jobs","payload":[]}"#).isEmpty)
        #expect(heard(&talk, #"{"type":"error","id":"jobs","payload":[]}"#).isEmpty)
        #expect(heard(&talk, #"{"type":"complete","id":"scans"}"#) == [.end(.refused("it has no subscriptions"))])
    }

    @Test func `a server that does not acknowledge is left`() {
        var talk = Subscriptions(times(), at: .zero)
        #expect(talk.tick(at: .seconds(9)).isEmpty)
        #expect(talk.tick(at: .seconds(10)) == [.end(.broken("it does not answer"))])
    }

    @Test func `a quiet server is asked once whether it is there, and a silent one is left`() {
        var talk = acknowledged()
        #expect(talk.tick(at: .seconds(19)).isEmpty)
        #expect(talk.tick(at: .seconds(20)) == [.say(#"{"type":"ping"}"#)])
        #expect(talk.tick(at: .seconds(25)).isEmpty, "asked twice")
        #expect(heard(&talk, #"{"type":"pong"}"#, at: 26).isEmpty)
        #expect(talk.tick(at: .seconds(45)).isEmpty)
        #expect(talk.tick(at: .seconds(46)) == [.say(#"{"type":"ping"}"#)])
        #expect(talk.tick(at: .seconds(66)) == [.end(.broken("it fell silent"))])
    }

    @Test func `pauses grow up to a limit, and a refusal is not asked about often`() {
        let times = PushTimes()
        var generator = SystemRandomNumberGenerator()
        for failures in 1...100 {
            let limit = min(.seconds(1) * (1 << min(failures - 1, 20)), .seconds(60))
            let pause = times.pause(afterFailures: failures, isRefused: false, using: &generator)
            #expect(pause >= limit / 2 && pause <= limit, "after \(failures)")
        }
        #expect(times.pause(afterFailures: 1, isRefused: true, using: &generator) >= .seconds(300))
    }
}
