/// The name of a pool, as its pool file gives it: 1 to 64 of `a-z A-Z 0-9 . _ -`.
public struct PoolName: Hashable, Sendable, Codable, CustomStringConvertible {
  /// The name as written.
  public let rawValue: String

  /// Takes `rawValue` as it is; the pool file's reader is who checks it.
  public init(_ rawValue: String) { self.rawValue = rawValue }

  /// Reads a bare string.
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(String.self)
  }

  /// Writes a bare string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }

  /// The name as written.
  public var description: String { rawValue }
}

/// The name of a server within its pool: 1 to 64 of `a-z A-Z 0-9 . _ -`. Ordered as text.
public struct ServerName: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// The name as written.
  public let rawValue: String

  /// Takes `rawValue` as it is; the pool file's reader is who checks it.
  public init(_ rawValue: String) { self.rawValue = rawValue }

  /// Reads a bare string.
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(String.self)
  }

  /// Writes a bare string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }

  /// The name as written.
  public var description: String { rawValue }

  /// Orders as text.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A set of servers that share a risk and may be taken out together, as the pool file names it.
public struct UpgradeDomain: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// The name as written.
  public let rawValue: String

  /// Takes `rawValue` as it is.
  public init(_ rawValue: String) { self.rawValue = rawValue }

  /// Reads a bare string.
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(String.self)
  }

  /// Writes a bare string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }

  /// The name as written.
  public var description: String { rawValue }

  /// Orders as text.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A routing group: a set of users, the unit of replication. Groups of a pool are numbered from 0.
public struct RoutingGroupID: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
  /// The group's number, 0 up to one less than the pool's number of groups.
  public let index: Int

  /// Names group number `index`.
  public init(_ index: Int) { self.index = index }

  /// Reads `rg-N`, or a bare number; `nil` for anything else.
  public init?(text: String) {
    let digits = text.hasPrefix("rg-") ? text.dropFirst(3) : text[...]
    guard let index = Int(digits), index >= 0 else { return nil }
    self.index = index
  }

  /// Reads a bare number.
  public init(from decoder: any Decoder) throws {
    index = try decoder.singleValueContainer().decode(Int.self)
  }

  /// Writes a bare number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(index)
  }

  /// `rg-N`.
  public var description: String { "rg-\(index)" }

  /// Orders by number.
  public static func < (left: Self, right: Self) -> Bool { left.index < right.index }
}
