import FabricStore
import GRDB
import PoolTesting
import Synchronization
import Testing

@testable import FabricStoreSQLite

@Suite("The store in a file")
struct SQLiteConformanceTests {
  @Test("passes the conformance suite", .timeLimit(.minutes(2)), arguments: FabricStoreConformance.cases)
  func conformance(_ test: FabricStoreConformance.Case) async throws {
    let fabric = try TemporaryFabric()
    let fault = CommitFault()
    try await test.run(
      FabricStoreWorld(
        open: { try await fabric.open { $0.commitFault = fault.strike } },
        failNextCommit: { _, isApplied in fault.arm(isApplied ? .after : .before) }
      )
    )
  }
}

/// Lets one commit fail like a disk does, before or after SQLite wrote it.
final class CommitFault: Sendable {
  enum Moment { case before, after }

  private let armed = Mutex<Moment?>(nil)

  func arm(_ moment: Moment) { armed.withLock { $0 = moment } }

  @Sendable func strike(isCommitted: Bool) throws {
    let strikes = armed.withLock { armed in
      guard armed == (isCommitted ? .after : .before) else { return false }
      armed = nil
      return true
    }
    if strikes { throw DatabaseError(resultCode: .SQLITE_IOERR, message: "a fault injected by a test") }
  }
}
