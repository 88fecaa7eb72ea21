import NIOCore
import PoolModel

/// A hand-over of nonce counts as a frame's body has it.
extension ReplayGuard.HandOver {
  /// Reads a frame's body; `nil` when it is malformed.
  /// - Parameter groups: how many the pool has.
  init?(_ body: ByteBuffer, groups: Int) {
    var body = body
    guard let group: UInt32 = body.readInteger(), Int(group) < groups,
      let generation: UInt64 = body.readInteger()
    else { return nil }
    self.init(
      group: RoutingGroupID(Int(group)),
      generation: generation,
      counts: Array(body.readableBytesView)
    )
  }

  /// The frame's body.
  var body: ByteBuffer {
    var body = ByteBuffer()
    body.writeInteger(UInt32(clamping: group.index))
    body.writeInteger(generation)
    body.writeBytes(counts)
    return body
  }
}
