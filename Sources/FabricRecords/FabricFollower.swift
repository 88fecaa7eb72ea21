public import FabricStore
import PoolModel
import Replication

/// Why a wait on the fabric ended without what it waited for.
public enum FabricFollowerError: Error, Hashable, Sendable {
  /// The time given ran out; with what the store last said when it did not answer.
  case timedOut(FabricStoreError?)
  /// The store cannot be followed, and trying again will not help.
  case store(FabricStoreError)
  /// The task was cancelled.
  case cancelled
}

/// Keeps an image of the control records current by reading and watching. It reads afresh when history was compacted
/// away under it, and tries again while the store cannot be reached.
public struct FabricFollower: Sendable {
  private let store: any FabricStore
  private let retryAfter: Duration

  /// Follows `store`.
  /// - Parameter retryAfter: how long it waits before it tries a store again that did not answer.
  public init(store: any FabricStore, retryAfter: Duration = .milliseconds(100)) {
    self.store = store
    self.retryAfter = retryAfter
  }

  /// The image now, then at each change. One that is slow to take them misses images in between, never the newest.
  /// - Parameter deadline: then it ends by throwing `FabricFollowerError.timedOut`; without one it goes on for ever.
  public func images(until deadline: ContinuousClock.Instant? = nil) -> AsyncThrowingStream<
    FabricImage, any Error
  > {
    let trouble = LastTrouble()
    return AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let following = Task { await follow(trouble, continuation) }
      let timer = deadline.map { deadline in
        Task {
          guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
          continuation.finish(throwing: FabricFollowerError.timedOut(await trouble.error))
        }
      }
      continuation.onTermination = { _ in
        following.cancel()
        timer?.cancel()
      }
    }
  }

  /// Waits until `body` answers something: it is asked about the image now and after changes. What it does itself, such
  /// as a commit, the follower shows it in a later image.
  public func first<Answer>(
    by deadline: ContinuousClock.Instant,
    _ body: (FabricImage) async -> Answer?
  ) async throws(FabricFollowerError) -> Answer {
    do {
      for try await image in images(until: deadline) {
        if let answer = await body(image) { return answer }
      }
    } catch let error as FabricFollowerError {
      throw error
    } catch let error as FabricStoreError {
      throw .store(error)
    } catch {
      throw .store(FabricStoreError(.unavailable, "\(error)"))
    }
    throw .cancelled
  }

  private typealias Continuation = AsyncThrowingStream<FabricImage, any Error>.Continuation

  private func follow(_ trouble: LastTrouble, _ continuation: Continuation) async {
    var image: FabricImage?
    while !Task.isCancelled {
      do {
        var current: FabricImage
        if let image { current = image } else { current = try await FabricImage.read(from: store) }
        image = current
        await trouble.set(nil)
        continuation.yield(current)
        for try await batch in store.watch(FabricKey.control, from: current.view.revision &+ 1) {
          try current.apply(batch)
          image = current
          if !batch.changes.isEmpty { continuation.yield(current) }
        }
      } catch let error as FabricRecordError {
        return continuation.finish(throwing: FabricFollowerError.store(error.storeError))
      } catch let error as FabricStoreError where error.code == .compacted {
        image = nil
        continue
      } catch let error as FabricStoreError where Self.isLasting(error) {
        return continuation.finish(throwing: FabricFollowerError.store(error))
      } catch {
        await trouble.set(error as? FabricStoreError)
      }
      try? await Task.sleep(for: retryAfter)
    }
  }

  private static func isLasting(_ error: FabricStoreError) -> Bool {
    switch error.code {
    case .unavailable, .compacted, .leaseNotFound, .noSpace, .readOnly: false
    case .corrupt, .newerFormat, .invalidRequest, .unsuitable, .permissionDenied: true
    }
  }
}

/// What the store last said when it did not answer.
private actor LastTrouble {
  private(set) var error: FabricStoreError?

  func set(_ error: FabricStoreError?) { self.error = error }
}
