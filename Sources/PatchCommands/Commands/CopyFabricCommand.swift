import ArgumentParser
import FabricRecords
import PatchRun
import PoolFile

/// `quorate fabric copy`.
struct CopyFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy",
    abstract: "Carry a stopped pool's fabric to another store: from a file to etcd, or back.",
    discussion: """
      The pool must be stopped. The new store must not hold a fabric. The pool file is not changed: write the new fabric into it \
      when the copy is done; the old one stays as it was.
      """
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(
    help: ArgumentHelp(
      "Where to: sqlite:FILE or etcd:https://HOST:2379,.../PREFIX, spoken to as the pool file's 'etcd:' section says.",
      valueName: "fabric"
    )
  )
  var target: String

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    let file = try PoolConnection.file(pool)
    guard let fabric = PoolFile.Fabric(target, from: PoolFile.workingDirectory()) else {
      throw CommandFailure(
        .usage,
        "'\(target)' is no fabric: write sqlite:FILE, or etcd:https://host:2379,host:2379/prefix"
      )
    }
    guard fabric != file.fabric else {
      throw CommandFailure(.usage, "'\(target)' is the fabric that pool \(file.pool) has already")
    }
    if whatIf {
      Terminal.write("would copy \(file.fabric) to \(fabric)\n")
      return
    }
    let archive = FabricArchive(file)
    try await archive.checkStopped()
    let report = try await archive.copy(to: fabric)
    let text =
      "copied \(report.keys) keys of revision \(report.revision) to \(fabric)\n"
      + "Now write 'fabric: \(fabric)' into \(file.path), then: quorate pool start \(file.path)\n"
    Terminal.write(json ? try JSONText.document(report) : text)
  }
}
