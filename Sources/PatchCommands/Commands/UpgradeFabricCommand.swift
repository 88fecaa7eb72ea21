import ArgumentParser
import FabricStoreSQLite
import PatchRun
import PoolFile

/// `quorate fabric upgrade`.
struct UpgradeFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upgrade",
    abstract: "Bring a fabric file that an older release made up to this release's schema.",
    discussion: """
      The pool is stopped for it. The older release cannot open the file any more, so make a backup first and do it when nobody
      wants to go back. Until then both releases use the file side by side, and bindings cost more to write.
      """
  )

  @OptionGroup var pool: PoolArgument

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    guard case .sqlite(let path) = file.fabric else {
      throw CommandFailure(.usage, "\(file.path): a fabric on etcd has no schema; this is for one in a file")
    }
    if whatIf {
      Terminal.write("would bring \(path) up to this release's schema\n")
      return
    }
    let (before, after) = try await FabricFile.upgrade(path)
    Terminal.write(before == after ? "schema \(after) already\n" : "schema \(before) before, now \(after)\n")
  }
}
