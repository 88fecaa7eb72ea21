import ArgumentParser

/// `quorate version`.
struct VersionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version",
    abstract: "Print the version this program was built as."
  )

  @Flag(help: "Print it as a JSON document.")
  var json = false

  func run() async throws {
    let version = QuorateProgram.version
    Terminal.write(json ? try JSONText.document(["version": version]) : "\(version)\n")
  }
}
