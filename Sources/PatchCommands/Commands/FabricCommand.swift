import ArgumentParser

/// `quorate fabric`.
struct FabricCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fabric",
    abstract: "Check, back up and restore a pool's fabric store.",
    subcommands: []
  )
}
