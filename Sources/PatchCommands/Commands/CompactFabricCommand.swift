import ArgumentParser
import FabricStoreEtcd
import PatchRun
import PoolFile

/// `quorate fabric compact`.
struct CompactFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact",
    abstract: "Forget etcd's history, defragment its members one at a time, and end a NOSPACE alarm.",
    discussion: "The pool may run meanwhile; each member answers nobody while it is being defragmented."
  )

  @OptionGroup var pool: PoolArgument

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    guard case .etcd = file.fabric else {
      throw CommandFailure(
        .usage,
        "\(file.path): a fabric in a file tidies itself up; this is for one on etcd"
      )
    }
    if whatIf {
      Terminal.write("would compact and defragment \(file.fabric)\n")
      return
    }
    try await FabricArchive(file).withEtcd { store in
      try await store.tidyUp { Terminal.write($0 + "\n") }
    }
    Terminal.write("done\n")
  }
}
