import NIOCore
import PoolModel
import Replication

/// The round through the records that are led here, a slice at a time, to delete what is worthless.
struct Sweep {
  /// Slices in which all records are looked at once, about a minute: each look reads the whole record. What has run out
  /// but is still there counts for nothing anywhere.
  static let slices = 300
  static let smallestSlice = 200
  /// Deletions of one slice, at most.
  static let deletions = 200
  static let interval = TimeAmount.milliseconds(200)
  var group: RoutingGroupID?
  var keys: [String] = []
}

extension FabricAgent {
  func sweepLater() {
    guard configuration.expiry != nil else { return }
    let bound = bound
    eventLoop.scheduleTask(in: Sweep.interval) {
      guard !bound.value.isStopped else { return }
      bound.value.sweepOnce()
      bound.value.sweepLater()
    }
  }

  /// Only the primary deletes, by compare; a server whose clock is off deletes nothing.
  private func sweepOnce() {
    guard let expiry = configuration.expiry, machine.isClockRight else { return }
    if sweep.keys.isEmpty { chooseNextGroup() }
    guard let group = sweep.group, let shard = shards[group], shard.generation != nil, !shard.isHeld else {
      sweep.keys = []
      return
    }
    let now = poolTime.milliseconds
    var deleted = 0
    for _ in 0..<max(Sweep.smallestSlice, recordsLed / Sweep.slices) {
      guard deleted < Sweep.deletions, let aor = sweep.keys.popLast() else { return }
      guard let record = shard.records[aor], let end = expiry(record.bytes), end <= now else { continue }
      deleted += 1
      let bound = bound
      write(nil, for: aor, in: group, expecting: record.revision) { outcome in
        if case .applied = outcome { bound.value.tally.purged += 1 }
      }
    }
  }

  private func chooseNextGroup() {
    let led = machine.leading.sorted()
    let next = led.first { group in sweep.group.map { group > $0 } ?? true } ?? led.first
    sweep.group = next
    sweep.keys = next.flatMap { shards[$0] }.map { Array($0.records.keys) } ?? []
  }
}
