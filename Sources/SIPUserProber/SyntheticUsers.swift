import PoolModel
import SIPDigest

/// The synthetic users of a pool: one for each routing group, with reserved names whose hash falls into that group.
struct SyntheticUsers: Sendable {
  /// Their names.
  var names: [String] = []
  /// The group of each.
  var groups: [RoutingGroupID] = []

  /// The users of a pool.
  init(domain: String, groups count: Int) {
    var isTaken = Array(repeating: false, count: max(0, count))
    // A name is drawn for each group in about `count * ln(count)` numbers; a group that is missed is left out.
    for number in 0..<max(0, count) * 32 + 256 {
      let name = ReservedUser.name(for: "probe-\(number)")
      let group = RoutingGroupID(addressOfRecord: Self.addressOfRecord(name, domain).utf8, groups: count)
      guard isTaken.indices.contains(group.index), !isTaken[group.index] else { continue }
      isTaken[group.index] = true
      names.append(name)
      groups.append(group)
      if names.count == count { break }
    }
  }

  /// The canonical address-of-record of a name.
  static func addressOfRecord(_ name: String, _ domain: String) -> String {
    "sip:\(name)@\(domain.lowercased())"
  }
}
