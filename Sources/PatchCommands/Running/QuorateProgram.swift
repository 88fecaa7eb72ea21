import ArgumentParser
import Glibc
import PatchRun
import Synchronization

/// The program `quorate`: what the thin mains call.
public enum QuorateProgram {
  /// The version the binary was built as; set once, before anything is parsed.
  private static let builtVersion = Mutex("0.0.0")

  /// The version the binary was built as.
  public static var version: String { builtVersion.withLock { $0 } }

  /// Runs the command line and ends the process with the documented exit code.
  /// - Parameters:
  ///   - version: compiled into the binary by its main.
  ///   - words: the command line, the program's name first: under a cmdlet's name it is that cmdlet.
  public static func run(version: String, _ words: [String] = CommandLine.arguments) async -> Never {
    builtVersion.withLock { $0 = version }
    // A reader that went away must not end a run. A handler and not SIG_IGN, which commands that are run would inherit.
    signal(SIGPIPE) { _ in }
    let code = await execute(arguments(words))
    fflush(nil)
    exit(code)
  }

  /// The arguments without the program's name; a link named like a cmdlet puts that cmdlet in front.
  static func arguments(_ words: [String]) -> [String] {
    let name = words.first?.split(separator: "/").last.map(String.init) ?? ""
    let rest = Array(words.dropFirst())
    guard let cmdlet = Cmdlet(name: name) else { return rest }
    return ["cmdlet", cmdlet.rawValue] + rest
  }

  /// Parses and runs; the exit code.
  static func execute(_ arguments: [String]) async -> Int32 {
    var command: any ParsableCommand
    do {
      command = try QuorateCommand.parseAsRoot(arguments)
    } catch {
      return report(parsing: error)
    }
    do {
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return PatchRun.ExitCode.done.rawValue
    } catch let code as ArgumentParser.ExitCode {
      return code.rawValue
    } catch  where isParsers(error) {
      return report(parsing: error)
    } catch {
      let failure = CommandFailure(error)
      Terminal.complain(failure.message)
      return failure.code.rawValue
    }
  }

  /// Whether an error that a command threw is the parser's own: help that was asked for, or a validation.
  private static func isParsers(_ error: any Error) -> Bool {
    let code = QuorateCommand.exitCode(for: error)
    return code.isSuccess || code == .validationFailure
  }

  private static func report(parsing error: any Error) -> Int32 {
    let text = QuorateCommand.fullMessage(for: error)
    let code = QuorateCommand.exitCode(for: error)
    if code.isSuccess {
      Terminal.write(text.hasSuffix("\n") ? text : text + "\n")
      return PatchRun.ExitCode.done.rawValue
    }
    Terminal.writeError(text.hasSuffix("\n") ? text : text + "\n")
    return PatchRun.ExitCode.usage.rawValue
  }
}
