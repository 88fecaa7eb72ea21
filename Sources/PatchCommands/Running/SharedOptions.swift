import ArgumentParser
import PoolFile

/// A duration on the command line: `90s`, `10m`, `1h`, `1h30m`, or `hh:mm:ss`.
struct DurationArgument: ExpressibleByArgument {
  var value: Duration

  init(_ value: Duration) { self.value = value }

  init?(argument: String) {
    guard let value = DurationText.parseTimeSpan(argument) ?? DurationText.parse(argument) else { return nil }
    self.value = value
  }

  var defaultValueDescription: String { DurationText.text(value) }
}

/// Which pool, as the first word.
struct PoolArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The pool: a pool file, a directory with a pool.yaml, or a pool's name.",
      discussion: "Left out: ./pool.yaml, else $QUORATE_POOL_FILE.",
      valueName: "pool"
    )
  )
  var pool: String?
}

/// Which pool, as an option, where the first word is something else.
struct PoolOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("The pool (left out: ./pool.yaml, else $QUORATE_POOL_FILE).", valueName: "pool")
  )
  var pool: String?
}

/// How a command tells what it does.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as one JSON document on standard output.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "How to show progress: auto, table, lines, json (JSON lines on standard output) or none.",
      valueName: "style"
    )
  )
  var progress = ProgressStyle.auto

  @Flag(name: .shortAndLong, help: "Log what happens inside to standard error.")
  var verbose = false
}

/// How progress is shown.
enum ProgressStyle: String, ExpressibleByArgument, CaseIterable {
  /// A table in a terminal, lines otherwise; with `--json`, lines on standard error.
  case auto
  case table
  case lines
  case json
  case none
}

/// How long to wait, and whether to act at all.
struct ActOptions: ParsableArguments {
  @Flag(help: "Tell what would be done and do nothing, whatever else is given.")
  var whatIf = false

  @Option(help: ArgumentHelp("How long to wait before giving up.", valueName: "time"))
  var waitTime = DurationArgument(.seconds(3600))

  func validate() throws {
    guard waitTime.value > .zero else { throw ValidationError("--wait-time must be longer than nothing.") }
  }
}

/// Going over objections.
struct ForceOptions: ParsableArguments {
  @Flag(help: "Go over objections. Needs --reason, which is recorded.")
  var force = false

  @Option(help: ArgumentHelp("Why objections are overridden.", valueName: "text"))
  var reason: String?

  func validate() throws {
    if force, (reason ?? "").isEmpty {
      throw ValidationError("--force needs --reason TEXT: it is recorded in the journal.")
    }
    if !force, reason != nil { throw ValidationError("--reason goes with --force.") }
  }

  /// The reason, when objections are overridden.
  var word: String? { force ? reason : nil }
}
