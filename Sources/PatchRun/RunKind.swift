/// What a run does. Every one of them is journaled, gated and resumed the same way; they differ in which phases a server
/// goes through.
public enum RunKind: String, Hashable, Sendable, Codable, CaseIterable {
  /// The whole procedure for each server that needs the patch.
  case patch
  /// Moves everything off one server, takes it out and stops it.
  case failOver = "failover"
  /// Starts a server that is out and returns it to service.
  case failBack = "failback"
  /// Recovers from quorum loss.
  case recover
  /// Restarts servers one at a time, each through the gates.
  case restart
}

/// Where a server is in its part of a run, in the order in which it goes.
public enum ServerPhase: String, Hashable, Sendable, Codable, CaseIterable {
  /// Its turn has not come.
  case waiting
  /// The `stage` command runs while it still serves.
  case stage
  /// The hook before a server.
  case beforeServer = "before-server"
  /// The gates are asked whether it may go out.
  case gate
  /// Its services move off and it is marked out.
  case failOver = "fail-over"
  /// The gates are asked once more, right before the stop.
  case lastGate = "last-gate"
  /// Its process is stopped.
  case stop
  /// The patch command runs.
  case apply
  /// The machine is rebooted.
  case reboot
  /// The `rollback` command puts the old version back.
  case rollback
  /// Its process is started.
  case start
  /// The version that runs is read and compared.
  case version
  /// The `verify` command runs.
  case verify
  /// It returns to service.
  case failBack = "fail-back"
  /// The pool is whole again, and stays so for the soak time.
  case settle
  /// The hook after a server.
  case afterServer = "after-server"
  /// Its part is over.
  case done

  /// What a person is told: `moving services off`.
  public var words: String {
    switch self {
    case .waiting: "waiting"
    case .stage: "staging"
    case .beforeServer: "hook before the server"
    case .gate: "checking"
    case .failOver: "moving services off"
    case .lastGate: "checking again"
    case .stop: "stopping"
    case .apply: "patching"
    case .reboot: "rebooting"
    case .rollback: "rolling back"
    case .start: "starting"
    case .version: "reading version"
    case .verify: "verifying"
    case .failBack: "returning to service"
    case .settle: "settling"
    case .afterServer: "hook after the server"
    case .done: "done"
    }
  }

  /// Whether the server may be out of service while it is in this phase.
  public var isOut: Bool {
    switch self {
    case .failOver, .lastGate, .stop, .apply, .reboot, .rollback, .start, .version, .verify, .failBack: true
    case .waiting, .stage, .beforeServer, .gate, .settle, .afterServer, .done: false
    }
  }
}

/// A command of the pool file's patch section.
public enum CommandKind: String, Hashable, Sendable, Codable, CaseIterable {
  /// Before the first server.
  case beforeRun = "before-run"
  /// While a server still serves.
  case stage
  /// Before a server is taken out.
  case beforeServer = "before-server"
  /// Patches one server while it is out and stopped.
  case apply
  /// Restarts a server's machine.
  case reboot
  /// Prints the boot id of a server's machine: proves a reboot.
  case bootID = "boot-id"
  /// Prints a server's version on its first line.
  case version
  /// Exits 0 when the patched server is good.
  case verify
  /// Puts the version back that was there before.
  case rollback
  /// After a server is back in service.
  case afterServer = "after-server"
  /// After the last server.
  case afterRun = "after-run"
}

/// How one server's part stands or ended.
public enum ServerOutcome: Hashable, Sendable, Codable {
  /// Its turn has not come.
  case waiting
  /// Nothing was to be done, and why.
  case skipped(String)
  /// It is being worked on.
  case active
  /// All that was to be done is done.
  case done
  /// It could not be patched and is in service again as it was; why.
  case returned(String)
  /// It is out of service and stays so until somebody looks at it; why.
  case quarantined(String)

  /// One word for tables.
  public var word: String {
    switch self {
    case .waiting: "waiting"
    case .skipped: "skipped"
    case .active: "active"
    case .done: "done"
    case .returned: "returned"
    case .quarantined: "quarantined"
    }
  }

  /// Why, where there is a why.
  public var why: String? {
    switch self {
    case .waiting, .active, .done: nil
    case .skipped(let why), .returned(let why), .quarantined(let why): why
    }
  }
}

/// How a run stands or ended.
public enum RunOutcome: Hashable, Sendable, Codable {
  /// It is going on, or its coordinator died: run the command again.
  case running
  /// What would be done was told; nothing was done.
  case whatIf
  /// It waits for an operator; why.
  case paused(String)
  /// All done.
  case finished
  /// Ended before its end with nothing left half done; why.
  case stopped(String)
  /// Refused because it would be unsafe; nothing was done.
  case refused([Objection])
  /// Given up by an operator's word; why.
  case abandoned(String)

  /// One word for tables.
  public var word: String {
    switch self {
    case .running: "running"
    case .whatIf: "what-if"
    case .paused: "paused"
    case .finished: "finished"
    case .stopped: "stopped"
    case .refused: "refused"
    case .abandoned: "abandoned"
    }
  }

  /// Whether the run is over for good.
  public var isEnd: Bool {
    switch self {
    case .running, .paused: false
    case .whatIf, .finished, .stopped, .refused, .abandoned: true
    }
  }
}
