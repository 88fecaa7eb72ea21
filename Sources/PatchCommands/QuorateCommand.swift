import ArgumentParser

/// `quorate`.
struct QuorateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quorate",
    abstract: "Patches a pool of replicated servers one at a time and keeps it quorate.",
    discussion: """
      Exit codes: 0 done; 1 finished but not good; 64 usage; 65 bad file; 69 pool or server unreachable; 75 stopped, can be \
      resumed; 77 refused because unsafe.
      """,
    version: QuorateProgram.version,
    groupedSubcommands: [
      CommandGroup(
        name: "Procedure",
        subcommands: [
          FabricStateCommand.self, ResetCommand.self, FailOverCommand.self, FailBackCommand.self,
          PatchPoolCommand.self,
          RunsCommand.self,
        ]
      ),
      CommandGroup(
        name: "Pool",
        subcommands: [
          InitCommand.self, PoolCommand.self, ServerCommand.self, FabricCommand.self, UserCommand.self,
          FrontEndCommand.self,
          DemoCommand.self,
        ]
      ),
      CommandGroup(
        name: "Original",
        subcommands: [CmdletCommand.self, LinksCommand.self]
      ),
      CommandGroup(name: "Other", subcommands: [VersionCommand.self, KeepCommand.self]),
    ]
  )
}
