/// In which order the targets of a request are tried: groups of equal q one after another, all of a group at the same
/// time (RFC 3261 section 16.6), and the flows of one device one after another (RFC 5626 section 7). A group that is too
/// large is tried in parts.
struct ForkPlan<Destination> {
  /// What one branch may be sent to: the first, and when its flow fails the next.
  typealias Slot = [ProxyTarget<Destination>]

  /// The groups that were not tried yet, the next one first.
  var groups: [[Slot]] = []

  /// Orders targets; of equal q and device the earlier one is better.
  /// - Parameter most: how many are tried at the same time.
  init(_ targets: [ProxyTarget<Destination>], most: Int) {
    let ordered = targets.enumerated().sorted { a, b in
      a.element.q == b.element.q ? a.offset < b.offset : a.element.q > b.element.q
    }
    var places: [[UInt8]: (group: Int, slot: Int)] = [:]
    var lastQ: Int?
    for (_, target) in ordered {
      if let device = target.device, let place = places[device] {
        groups[place.group][place.slot].append(target)
        continue
      }
      if target.q != lastQ || groups.last?.count ?? 0 >= max(1, most) { groups.append([]) }
      lastQ = target.q
      let group = groups.count - 1
      groups[group].append([target])
      if let device = target.device { places[device] = (group, groups[group].count - 1) }
    }
  }

  /// Nothing to try.
  init() {}
}
