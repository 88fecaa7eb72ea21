public import FabricStore
import Foundation
public import Logging

/// A prefix of etcd as a whole: filled from another store, its copies compared, tidied up.
public enum EtcdContents {
  /// The keys beside a prefix's own.
  enum Mark: String {
    /// A fabric is being brought in and is not complete.
    case filling = ".filling"
    /// What is added to lease generations: those of a fabric that was brought in are all below.
    case generations = ".generations"

    func key(_ prefix: String) -> Data { Data((prefix + rawValue).utf8) }
  }

  /// Brings a fabric in. Until it is there as a whole, no store opens on the prefix, also when this is interrupted.
  /// - Parameters:
  ///   - isReplacing: whether what is there goes; otherwise a prefix that is not empty is refused.
  ///   - fill: writes into the store it is given; its answer is the highest generation that was brought in.
  public static func fill(
    _ configuration: EtcdConfiguration,
    isReplacing: Bool,
    logger: Logger,
    _ fill: (any FabricStore) async throws(FabricStoreError) -> UInt64
  ) async throws(FabricStoreError) {
    var configuration = configuration
    configuration.mayCreate = true
    configuration.history = nil
    configuration.mayBePartial = true
    let store = try await EtcdFabricStore.open(configuration, logger: logger)
    do throws(FabricStoreError) {
      let (gateway, prefix) = (store.gateway, configuration.prefix)
      let isPartial = try await value(.filling, gateway, prefix) != nil
      if !isReplacing, !isPartial, try await !store.read(everything, at: nil, limit: 1).entries.isEmpty {
        throw FabricStoreError(
          .unsuitable,
          "etcd: there is a fabric under \(prefix) already; name another prefix, or restore a backup onto it"
        )
      }
      let known = try await value(.generations, gateway, prefix).flatMap { UInt64($0) } ?? 0
      try await put(.filling, "1", gateway, prefix)
      let _: EtcdMessage.HeaderOnly = try await gateway.call(
        "/v3/kv/deleterange",
        EtcdMessage.DeleteRequest(key: store.batch.wire(""), range_end: store.batch.wireEnd(everything)),
        .changing
      )
      let generation = try await fill(store)
      try await put(.generations, String(max(known, generation)), gateway, prefix)
      let _: EtcdMessage.HeaderOnly = try await gateway.call(
        "/v3/kv/deleterange",
        EtcdMessage.DeleteRequest(key: Mark.filling.key(prefix)),
        .changing
      )
    } catch {
      await store.close()
      throw error
    }
    await store.close()
  }

  private static let everything = KeyRange(start: "\u{1}", end: nil)

  /// Reads what is added to generations; refuses a prefix that was filled only in part.
  static func generationBase(_ gateway: EtcdGateway, _ configuration: EtcdConfiguration)
    async throws(FabricStoreError)
    -> UInt64
  {
    let prefix = configuration.prefix
    if !configuration.mayBePartial, try await value(.filling, gateway, prefix) != nil {
      throw FabricStoreError(
        .corrupt,
        "etcd: a restore or copy into \(prefix) was interrupted; run it again, the pool cannot start before"
      )
    }
    return try await value(.generations, gateway, prefix).flatMap { UInt64($0) } ?? 0
  }

  private static func value(_ mark: Mark, _ gateway: EtcdGateway, _ prefix: String)
    async throws(FabricStoreError)
    -> String?
  {
    let answer: EtcdMessage.RangeResponse = try await gateway.call(
      "/v3/kv/range",
      EtcdMessage.RangeRequest(key: mark.key(prefix))
    )
    return answer.kvs?.first.map { String(decoding: $0.value ?? Data(), as: UTF8.self) }
  }

  private static func put(_ mark: Mark, _ value: String, _ gateway: EtcdGateway, _ prefix: String)
    async throws(FabricStoreError)
  {
    let _: EtcdMessage.HeaderOnly = try await gateway.call(
      "/v3/kv/put",
      EtcdMessage.PutRequest(key: mark.key(prefix), value: Data(value.utf8))
    )
  }
}
