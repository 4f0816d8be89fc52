import FakeStash
import Foundation
import Library
import Stash
import Testing

@testable import Sync

@Suite struct CourtesyTests {
    @Test(.timeLimit(.minutes(9))) func `a question waits for as long as somebody waits for the server, within limits`()
    {
        let asked = Lock(0)
        let patient = Courtesy(
            isAwaited: {
                asked.withLock { asked in
                    asked += 1
                    return asked < 5
                }
            }, cancel: Cancellation())
        patient.wait()
        #expect(asked.withLock { $0 } == 5)

        let cancel = Cancellation()
        cancel.cancel()
        Courtesy(isAwaited: { true }, cancel: cancel).wait()

        let start = ContinuousClock.now
        Courtesy(isAwaited: { true }, cancel: Cancellation()).wait()
        #expect(ContinuousClock.now - start >= Courtesy.longest)
    }

    @Test(.timeLimit(.minutes(9))) func `a pass asks for no rows while people wait, and goes on afterwards`() throws {
        let server = try FakeStash.start()
        defer { server.stop() }
        let rig = try Rig()
        let looks = Lock(0)
        let before = Lock<Int?>(nil)
        var options = Rig.options()
        options.isAwaited = { instance in
            #expect(instance == InstanceNumber(1))
            let look = looks.withLock { looks in
                looks += 1
                return looks
            }
            let requests = server.requests.count
            if look == 1 { before.withLock { $0 = requests } }
            if look == 20 { #expect(before.withLock { $0 } == requests, "nothing was asked meanwhile") }
            return look < 20
        }
        let report = try rig.sync(server.url, options: options)
        #expect(report.error == nil && looks.withLock { $0 } > 20)
        #expect(server.requests.count > before.withLock { $0 } ?? .max)
    }
}
