import ArgumentParser
import FrontEndPoolDriver
import PatchEngine
import PatchRun
import PoolFile
import PoolModel

/// What a patch run can be told.
struct PatchChoices: ParsableArguments {
  @Option(
    name: .customLong("server"),
    help: ArgumentHelp("Only this server; may be repeated.", valueName: "server")
  )
  var servers: [String] = []

  @Option(help: ArgumentHelp("The version to have (left out: the pool file's target).", valueName: "version"))
  var target: String?

  @Option(
    help: ArgumentHelp(
      "Over how long clients are moved (left out: the pool file's drain-time).",
      valueName: "time"
    )
  )
  var drainTime: DurationArgument?

  @Flag(help: "Approve a quorum-loss recovery as part of the run.")
  var recover = false

  @Option(help: ArgumentHelp("How much must remain: \(Floor.names).", valueName: "floor"))
  var floor = Floor.quorate

  @Option(
    help: ArgumentHelp(
      "Servers out together: one at a time, or auto for the largest safe sets.",
      valueName: "one|auto"
    )
  )
  var batch = BatchMode.one

  @Option(help: ArgumentHelp("How many servers may stay out before the run pauses.", valueName: "count"))
  var maxFailed = 0

  @Option(help: ArgumentHelp("How long the pool must stay whole after each server.", valueName: "time"))
  var soak = DurationArgument(.zero)

  @Option(help: ArgumentHelp("Patch so many servers first, then soak for --canary-soak.", valueName: "count"))
  var canary = 0

  @Option(help: ArgumentHelp("How long the pool is watched after the canaries.", valueName: "time"))
  var canarySoak = DurationArgument(.zero)

  @Option(help: ArgumentHelp("Most bindings that one server can hold.", valueName: "count"))
  var capacity: Int?

  @Option(
    name: .customLong("window"),
    help: ArgumentHelp(
      "Take servers out only within this window, as \"Mon-Fri 10:00-16:00 Europe/Berlin\"; may be repeated.",
      valueName: "window"
    )
  )
  var windows: [String] = []

  @Flag(help: "Take servers out at any time, although the pool file has windows.")
  var anyTime = false

  @Option(
    help: ArgumentHelp(
      "How long a server may be out, for --window (left out: the pool file's server-time, else as the last runs took).",
      valueName: "time"
    )
  )
  var serverTime: DurationArgument?

  @Option(
    help: ArgumentHelp(
      "Pause when a user was cut off for longer (left out: the pool file's max-gap).",
      valueName: "time"
    )
  )
  var maxGap: DurationArgument?

  @Flag(help: "Do not watch what users see during the run.")
  var noProbe = false

  @Flag(help: "Answer every question with yes.")
  var yes = false

  func validate() throws {
    guard maxFailed >= 0, canary >= 0, (capacity ?? 1) > 0 else {
      throw ValidationError(
        "--max-failed and --canary cannot be negative, and --capacity must be at least 1."
      )
    }
    guard windows.isEmpty || !anyTime else {
      throw ValidationError(
        "--window says when servers may be taken out and --any-time that it does not matter."
      )
    }
    guard maxGap == nil || !noProbe else {
      throw ValidationError("--max-gap needs the prober that --no-probe turns off.")
    }
    guard serverTime.map({ $0.value > .zero }) ?? true else {
      throw ValidationError("--server-time must be more than nothing.")
    }
    guard canarySoak.value == .zero || canary > 0 else {
      throw ValidationError("--canary-soak goes with --canary.")
    }
  }

  /// Whether a person, asked at the terminal, approves a recovery that the run would need.
  func asksForRecovery(_ act: ActOptions, _ connection: PoolConnection) async throws -> Bool {
    guard !recover, !act.whatIf, Terminal.canAsk else { return false }
    let state = try await connection.driver.fabricState()
    let lost = state.groupsInQuorumLoss.count
    guard lost > 0, state.servers.contains(where: { $0.isUp }) else { return false }
    let gone = state.servers.filter { !$0.isUp }.map(\.name.rawValue).joined(separator: ", ")
    return Terminal.ask(
      "\(lost) groups are in quorum loss. Declare their replicas on \(gone) lost and rebuild them from the fabric?"
    ) ?? false
  }

  /// The engine's options.
  func options(_ act: ActOptions, _ connection: PoolConnection) throws(CommandFailure) -> PatchOptions {
    var options = PatchOptions()
    if !servers.isEmpty {
      options.servers = []
      for name in servers { options.servers?.append(try connection.server(name)) }
    }
    options.target = target
    options.waitTime = act.waitTime.value
    options.drainTime = drainTime?.value ?? connection.file.drainTime
    options.recoverApproved = recover ? Operator.name : nil
    options.floor = floor
    options.batch = batch
    options.maxFailed = maxFailed
    options.soak = soak.value
    options.canary = canary
    options.canarySoak = canarySoak.value
    options.capacity = capacity
    let patch = connection.file.patch
    options.windows = anyTime ? [] : windows.isEmpty ? patch?.windows ?? [] : windows
    options.serverTime = serverTime?.value ?? patch?.serverTime
    options.maxGap = maxGap?.value ?? (noProbe ? nil : patch?.maxGap)
    options.unwatched = noProbe ? "--no-probe" : nil
    options.whatIf = act.whatIf
    return options
  }
}

extension BatchMode: ExpressibleByArgument {}
