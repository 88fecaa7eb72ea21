import FabricRecords
import FabricStore
import NIOCore
import Replication

/// What the store tells, in order.
enum FabricNews: Sendable {
  /// The control records were read as a whole.
  case image(FabricImage)
  /// Whole revisions of the watch, control records decoded.
  case batch(FollowedBatch)
  /// The store cannot be followed now; it is tried again.
  case trouble(String, isLasting: Bool)
}

/// A batch of the watch, sorted by what it concerns.
struct FollowedBatch: Sendable {
  var control: [FabricChange] = []
  /// The values of control records by key; `nil` for a deletion.
  var values: [(key: String, value: [UInt8]?)] = []
  var bindings: [Change] = []
  var revision: Revision
}

/// Follows the store: reads the control records, then watches them and the bindings in one stream, so that everything
/// comes in the order of its revisions. Read afresh when history was compacted away; tried again while the store is away.
struct FabricFollowing: Sendable {
  let store: any FabricStore
  let loop: LoopDoor
  let take: @Sendable (FabricNews) -> Void

  /// `binding/` up to `server/`: the bindings and every control record.
  private static let range = KeyRange(start: FabricKey.bindings.start, end: FabricKey.control.end)

  func run() async {
    var next: Revision?
    var failures = 0
    while !Task.isCancelled {
      do {
        if next == nil {
          let image = try await FabricImage.read(from: store)
          next = image.view.revision &+ 1
          await give(.image(image))
        }
        for try await batch in store.watch(Self.range, from: next ?? 1) {
          let followed = try Self.sorted(batch)
          next = batch.revision &+ 1
          failures = 0
          await give(.batch(followed))
        }
      } catch let error as FabricStoreError where error.code == .compacted {
        next = nil
        await give(.trouble("history was compacted away", isLasting: false))
        continue
      } catch let error as FabricRecordError {
        // A record that cannot be read: we no longer know what holds, so we must not act.
        next = nil
        await give(.trouble("\(error)", isLasting: true))
        failures = max(failures, 4)
      } catch {
        let code = (error as? FabricStoreError)?.code
        await give(.trouble("\(error)", isLasting: code == .corrupt || code == .newerFormat))
      }
      failures += 1
      try? await Task.sleep(for: .milliseconds(min(1_000, 25 << min(failures, 6))))
    }
  }

  /// Waits until the loop has taken it, so that a slow loop slows the watch and not the memory.
  private func give(_ news: FabricNews) async {
    await loop.run { take(news) }
  }

  private static func sorted(_ batch: WatchBatch) throws(FabricRecordError) -> FollowedBatch {
    var followed = FollowedBatch(revision: batch.revision)
    for change in batch.changes {
      if change.key.utf8.starts(with: bindingPrefix) {
        followed.bindings.append(change)
        continue
      }
      guard let told = try FabricChange(change) else { continue }
      followed.control.append(told)
      switch change {
      case .put(let entry): followed.values.append((entry.key, entry.value))
      case .delete(let key, _): followed.values.append((key, nil))
      }
    }
    return followed
  }

  private static let bindingPrefix = Array(FabricKey.bindings.start.utf8)
}
