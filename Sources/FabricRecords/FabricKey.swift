public import FabricStore
public import PoolModel

/// A key of the fabric's layout. This is the only place that knows how keys are spelled.
public enum FabricKey: Hashable, Sendable, CustomStringConvertible {
  /// `pool`: the pool's record.
  case pool
  /// `epoch`: its revision rises with every change of roles, replicas, membership and out-marks.
  case epoch
  /// `server/<name>`: a server's record.
  case server(ServerName)
  /// `live/<name>`: a running server process, attached to its lease.
  case live(ServerName)
  /// `group/<5 digits>`: a routing group's record.
  case group(RoutingGroupID)
  /// `fence/<5 digits>`: the group's generation in decimal digits.
  case fence(RoutingGroupID)
  /// `binding/<5 digits>/<canonical AoR>`: a user's bindings.
  case binding(RoutingGroupID, addressOfRecord: String)
  /// `user/<canonical AoR>`: what a user proves itself with.
  case user(addressOfRecord: String)
  /// `secret/nonce`: the pool's secret that nonces are made with.
  case nonceSecret
  /// `acts/generation`: the highest fencing generation that acted on the pool, in decimal digits.
  case actGeneration

  /// The most groups a pool can have: their numbers have five digits.
  public static let maximumGroups = 100_000

  /// The key as it stands in the store.
  public var text: String {
    switch self {
    case .pool: "pool"
    case .epoch: "epoch"
    case .server(let name): "server/" + name.rawValue
    case .live(let name): "live/" + name.rawValue
    case .group(let group): "group/" + Self.digits(group)
    case .fence(let group): "fence/" + Self.digits(group)
    case .binding(let group, let addressOfRecord): "binding/\(Self.digits(group))/" + addressOfRecord
    case .user(let addressOfRecord): "user/" + addressOfRecord
    case .nonceSecret: "secret/nonce"
    case .actGeneration: "acts/generation"
    }
  }

  /// The key as it stands in the store.
  public var description: String { text }

  /// Reads a key; `nil` for one that is not of the layout. Names are not checked beyond being there.
  public init?(_ text: String) {
    switch text {
    case "pool": self = .pool
    case "epoch": self = .epoch
    case "acts/generation": self = .actGeneration
    case "secret/nonce": self = .nonceSecret
    default:
      guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
      let rest = String(text[text.utf8.index(after: slash)...])
      guard !rest.isEmpty else { return nil }
      switch text[..<slash] {
      case "server": self = .server(ServerName(rest))
      case "live": self = .live(ServerName(rest))
      case "user": self = .user(addressOfRecord: rest)
      case "group":
        guard let group = Self.group(rest) else { return nil }
        self = .group(group)
      case "fence":
        guard let group = Self.group(rest) else { return nil }
        self = .fence(group)
      case "binding":
        guard let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")), let group = Self.group(rest[..<end])
        else { return nil }
        let addressOfRecord = String(rest[rest.utf8.index(after: end)...])
        guard !addressOfRecord.isEmpty else { return nil }
        self = .binding(group, addressOfRecord: addressOfRecord)
      default: return nil
      }
    }
  }

  /// Every `server/` key.
  public static let servers = KeyRange.prefix("server/")
  /// Every `live/` key.
  public static let processes = KeyRange.prefix("live/")
  /// Every `group/` key.
  public static let groups = KeyRange.prefix("group/")
  /// Every `fence/` key.
  public static let fences = KeyRange.prefix("fence/")
  /// Every `binding/` key.
  public static let bindings = KeyRange.prefix("binding/")
  /// Every `user/` key.
  public static let users = KeyRange.prefix("user/")
  /// What has to be watched to follow the users and the secret of nonces: one range, which has a few others in it.
  public static let credentials = KeyRange(start: "secret/nonce", end: users.end)
  /// The bindings of one group.
  public static func bindings(of group: RoutingGroupID) -> KeyRange { .prefix("binding/\(digits(group))/") }
  /// What has to be watched to follow the control records: one range, so that changes come in the order of their
  /// revisions. It leaves out the bindings; it holds `epoch`, `fence/`, `group/`, `live/`, `pool`, `run/`,
  /// `secret/`, `server/`.
  public static let control = KeyRange(start: "epoch", end: servers.end)

  private static func digits(_ group: RoutingGroupID) -> String {
    let text = String(group.index)
    return String(repeating: "0", count: max(0, 5 - text.utf8.count)) + text
  }

  private static func group(_ text: some StringProtocol) -> RoutingGroupID? {
    guard text.utf8.count == 5, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let index = Int(text)
    else { return nil }
    return RoutingGroupID(index)
  }
}

extension ServerName {
  /// Whether the name may stand in a key: 1 to 64 of `a-z A-Z 0-9 . _ -`.
  public var isWellFormed: Bool { Self.isWellFormed(rawValue) }

  static func isWellFormed(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x30...0x39,
          UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
