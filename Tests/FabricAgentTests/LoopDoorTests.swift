import FabricAgent
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite("The way onto a loop that may be gone") struct LoopDoorTests {
  @Test func whatComesAfterItWasClosedIsDropped() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let door = LoopDoor(group.next())
    let ran = Mutex<[Int]>([])
    door.execute { ran.withLock { $0.append(1) } }
    await door.run { ran.withLock { $0.append(2) } }
    door.close()
    door.execute { ran.withLock { $0.append(3) } }
    await door.run { ran.withLock { $0.append(4) } }
    // Whatever was brought before this has run when it returns.
    try await door.eventLoop.submit {}.get()
    #expect(ran.withLock { $0 } == [1, 2])
    try await group.shutdownGracefully()
    // NIO would complain of this one.
    door.execute { ran.withLock { $0.append(5) } }
    await door.run {}
  }
}
