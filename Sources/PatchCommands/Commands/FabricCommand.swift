import ArgumentParser
import FabricRecords
import FabricStoreSQLite
import PatchRun
import PoolFile
import ServerControl

/// `quorate fabric`.
struct FabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fabric",
    abstract: "Check, back up, restore, copy, upgrade and tidy up a pool's fabric store.",
    subcommands: [
      CheckFabricCommand.self, BackUpFabricCommand.self, RestoreFabricCommand.self, CopyFabricCommand.self,
      CompactFabricCommand.self, UpgradeFabricCommand.self,
    ]
  )
}

/// `quorate fabric check`.
struct CheckFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look whether the fabric is sound. The pool may run meanwhile. Exit code 65 when it is damaged."
  )

  @OptionGroup var pool: PoolArgument

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    let file = try PoolConnection.file(pool.pool)
    if case .etcd = file.fabric {
      let report = try await FabricArchive(file).check()
      Terminal.write(json ? try JSONText.document(report) : report.text)
      return try RunOutput.end(report.problems.isEmpty ? .done : .badFile)
    }
    let report = try await FabricFile.check(try file.fabricPath())
    Terminal.write(json ? try JSONText.document(report) : FabricReportText.render(report))
    try RunOutput.end(report.isSound ? .done : .badFile)
  }
}

/// `quorate fabric backup`.
struct BackUpFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy the fabric as it is at one revision. The pool may run meanwhile."
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(help: "Where the copy goes.")
  var file: String

  @Flag(help: "Replace a file that is there.")
  var overwrite = false

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    let described = try PoolConnection.file(pool)
    let source = described.fabric.description
    if whatIf {
      Terminal.write("would copy \(source) to \(file)\n")
      return
    }
    let report = try await FabricArchive(described).backUp(to: file, overwrite: overwrite)
    Terminal.write(
      json ? try JSONText.document(report) : "copied \(source) to \(file)\n" + FabricReportText.render(report)
    )
  }
}

/// `quorate fabric restore`.
struct RestoreFabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract:
      "Put a backup in the place of the fabric. The pool must be stopped; the old file is kept beside it."
  )

  @Argument(help: "The pool.")
  var pool: String

  @Argument(help: "A file of 'quorate fabric backup'.")
  var file: String

  @Flag(help: "Also when the backup is of another store than the one that is there.")
  var otherStore = false

  @Flag(help: "Do not ask.")
  var yes = false

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  @Flag(help: "Print the result as a JSON document.")
  var json = false

  func run() async throws {
    let pool = try PoolConnection.file(pool)
    if whatIf {
      Terminal.write("would put \(file) in the place of \(pool.fabric)\n")
      return
    }
    let archive = FabricArchive(pool)
    try await archive.checkStopped()
    try Prompt.confirm("Put \(file) in the place of the fabric of pool \(pool.pool)?", isAnswered: yes)
    if case .etcd = pool.fabric {
      let report = try await archive.bringIn(file)
      return Terminal.write(
        json ? try JSONText.document(report) : "restored \(report.keys) keys of revision \(report.revision)\n"
      )
    }
    let target = try pool.fabricPath()
    let report = try await FabricFile.restore(from: file, to: target, force: otherStore)
    let kept = report.keptAs.map { "; the old one is \($0)" } ?? ""
    let text = "restored \(report.keys) keys of revision \(report.backupRevision)\(kept)\n"
    Terminal.write(json ? try JSONText.document(report) : text)
  }
}

/// What a look at a fabric file found, as text.
enum FabricReportText {
  static func render(_ report: FabricCheckReport) -> String {
    let head =
      "\(report.path): revision \(report.revision), \(report.keys) keys, \(report.leases) leases, "
      + "\(report.size) bytes, schema \(report.schema)\n"
    if report.isSound { return head + "It is sound.\n" }
    return head + report.problems.map { "damaged: \($0)\n" }.joined()
      + "Stop the pool and restore a backup: quorate fabric restore\n"
  }
}

extension PoolFile {
  /// The fabric's file.
  func fabricPath() throws(CommandFailure) -> String {
    guard case .sqlite(let path) = fabric else {
      throw CommandFailure(.usage, "\(self.path): this works on a fabric in a file; its fabric is \(fabric)")
    }
    return path
  }
}
