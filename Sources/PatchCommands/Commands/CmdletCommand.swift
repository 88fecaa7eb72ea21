import ArgumentParser
import Glibc
import PatchRun
import ServerControl

/// `quorate cmdlet`: the original's own command lines.
struct CmdletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cmdlet",
    abstract: "Take a command line of the original.",
    usage: "quorate cmdlet Invoke-CsComputerFailOver -ComputerName fe1 -Confirm:'$false'",
    discussion: """
      Get-CsPoolFabricState, Reset-CsPoolRegistrarState, Invoke-CsComputerFailOver and Invoke-CsComputerFailBack, by \
      PowerShell's rules. Like the original's they ask before they act unless -Confirm:$false is given (in a Unix shell \
      quote it); unlike the original's, -WhatIf never acts, also with -Force.
      """
  )

  @Argument(parsing: .captureForPassthrough, help: "The cmdlet and its parameters.")
  var words: [String] = []

  func run() async throws {
    if ["-h", "--help", "-?"].contains(words.first ?? "") { throw CleanExit.helpRequest(Self.self) }
    let code = await QuorateProgram.execute(try Cmdlet.translate(words))
    if code != 0 { throw ArgumentParser.ExitCode(code) }
  }
}

/// `quorate links`.
struct LinksCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "links",
    abstract: "Make links to this program with the names of the original's commands.",
    subcommands: [InstallLinksCommand.self]
  )
}

/// `quorate links install`.
struct InstallLinksCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "install",
    abstract: "Put the links into a directory. Files of those names that are no links are left alone."
  )

  @Argument(help: "A directory, best one that is in PATH.")
  var directory: String

  @Flag(help: "Tell what would be done and do nothing.")
  var whatIf = false

  func run() async throws {
    let program = try ReleaseInstaller.runningProgram()
    for cmdlet in Cmdlet.allCases {
      let link = "\(directory)/\(cmdlet.rawValue)"
      if whatIf {
        Terminal.write("would link \(link) to \(program)\n")
        continue
      }
      var status = stat()
      if lstat(link, &status) == 0 {
        guard (status.st_mode & S_IFMT) == S_IFLNK else {
          throw CommandFailure(.notGood, "\(link) is there and is no link; move it away")
        }
        unlink(link)
      }
      guard symlink(program, link) == 0 else {
        throw CommandFailure(.notGood, "cannot make \(link): \(String(cString: strerror(errno)))")
      }
      Terminal.write("\(link) -> \(program)\n")
    }
  }
}
