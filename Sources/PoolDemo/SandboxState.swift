import FoundationEssentials

/// What `quorate fabric-state --json` prints, as far as the demo, the tests and the benchmarks read it
/// (docs/operating/commands.md).
public struct SandboxState: Decodable, Sendable {
  /// Groups in each state.
  public struct Counts: Decodable, Sendable {
    /// All groups.
    public var groups: Int
    /// With all their replicas up.
    public var healthy: Int
    /// A replica missing, still a majority.
    public var degraded: Int
    /// A majority missing.
    public var quorumLoss: Int
    /// No replica left.
    public var down: Int
    /// Replicas that are not up.
    public var missingReplicas: Int
    /// Groups that nobody leads.
    public var groupsWithoutPrimary: Int
    /// Groups in quorum loss or down.
    public var groupsInQuorumLoss: Int
  }

  /// One server.
  public struct Server: Decodable, Sendable {
    /// Its name.
    public var name: String
    /// Whether its lease lives.
    public var up: Bool
    /// `in-service`, `leaving` or `out`.
    public var service: String
    /// The version that runs.
    public var version: String?
    /// Groups it leads.
    public var primaries: Int
    /// Replicas it has.
    public var replicas: Int
    /// Bindings it holds as primary.
    public var bindings: Int?
  }

  /// One routing group.
  public struct Group: Decodable, Sendable {
    /// `rg-N`.
    public var id: String
    /// `Healthy`, `Degraded`, `QuorumLoss` or `Down`.
    public var state: String
    /// Raised by each change of the primary.
    public var generation: UInt64
    /// Who leads it.
    public var primary: String?
    /// Caught-up secondaries.
    public var secondaries: [String]
    /// Servers whose replica is gone.
    public var missing: [String]
  }

  /// Every group healthy and every server up and in service.
  public var healthy: Bool
  /// Raised by each change of roles, members or out-marks.
  public var epoch: UInt64
  /// Groups by state.
  public var counts: Counts
  /// The servers.
  public var servers: [Server]
  /// The groups.
  public var groups: [Group]

  /// The server of that name.
  public func server(_ name: String) -> Server? { servers.first { $0.name == name } }

  /// Reads the command's output; `nil` when it is no such document.
  public init?(json: String) {
    guard let state = try? JSONDecoder().decode(SandboxState.self, from: Data(json.utf8)) else { return nil }
    self = state
  }
}
