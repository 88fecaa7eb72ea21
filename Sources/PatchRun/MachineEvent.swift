public import PoolModel

/// What a shell tells the machine.
public enum MachineEvent: Hashable, Sendable, Codable {
  /// Begin.
  case started
  /// The pool was read.
  case observed(Observation)
  /// The pool could not be read.
  case unobserved(ActFailure)
  /// An act was done.
  case succeeded(sequence: Int, ActResult)
  /// An act failed.
  case failed(sequence: Int, ActFailure)
  /// A timer went off.
  case timer(sequence: Int)
  /// An operator asks for a pause.
  case pauseAsked(by: String, reason: String)
  /// An operator gives the run up.
  case abortAsked(by: String, reason: String)
  /// The coordinator's lease is lost, or somebody newer acts.
  case leaseLost
}

/// A reading of the pool, with what goes with it.
public struct Observation: Hashable, Sendable, Codable {
  /// The pool.
  public var state: FabricState
  /// How old the reading is.
  public var age: Duration
  /// The store's members; `nil` when the store has no say.
  public var seeds: [SeedMember]?
  /// For how long the maintenance window stays open; zero while it is shut, `nil` without windows.
  public var windowLeft: Duration?
  /// When the next window opens, counted from the reading; `nil` while one is open or without windows.
  public var windowOpens: Duration?
  /// The longest that any window is ever open; `nil` without windows, or when that is not known.
  public var windowLongest: Duration?
  /// What the prober saw so far; `nil` when nobody probes.
  public var probes: ProbeSummary?

  /// A reading.
  public init(
    _ state: FabricState,
    age: Duration = .zero,
    seeds: [SeedMember]? = nil,
    windowLeft: Duration? = nil,
    windowOpens: Duration? = nil,
    windowLongest: Duration? = nil,
    probes: ProbeSummary? = nil
  ) {
    self.state = state
    self.age = age
    self.seeds = seeds
    self.windowLeft = windowLeft
    self.windowOpens = windowOpens
    self.windowLongest = windowLongest
    self.probes = probes
  }

  /// Pool time at which it is judged.
  public var judgedAt: PoolTime { state.takenAt + age }
}

/// What an act brought.
public enum ActResult: Hashable, Sendable, Codable {
  /// It is done.
  case done
  /// It is done, and the machine must be rebooted for it.
  case rebootNeeded
  /// The version that was read.
  case version(String?)
  /// How many primaries were moved.
  case moved(Int)
  /// What a recovery did.
  case recovered(RecoverySummary)
}

/// Why an act failed.
public struct ActFailure: Error, Hashable, Sendable, Codable {
  /// The kind; it decides what the machine does.
  public enum Kind: String, Hashable, Sendable, Codable {
    /// It cannot be reached: worth another try.
    case unreachable
    /// Its time ran out; the act left everything as it promises.
    case timedOut
    /// The fabric changed since the gate: gate again.
    case epochChanged
    /// The pool refused it as unsafe: gate again.
    case refused
    /// A newer coordinator acts.
    case fenced
    /// A command or process failed: worth another try.
    case failed
    /// It can never work: no other try.
    case hopeless
  }

  /// The kind.
  public var kind: Kind
  /// What, where, and what to do, for people.
  public var message: String

  /// A failure.
  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}
