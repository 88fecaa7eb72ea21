import FabricRecords
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// Updates of the control records.
extension FabricAgent {
  /// Updates of one call; the rest goes in further calls beside it.
  private static let updatesPerCall = 64

  func commit(_ updates: [ReplicationMachine.PlannedUpdate]) {
    for start in stride(from: 0, to: updates.count, by: Self.updatesPerCall) {
      let chunk = updates[start..<min(start + Self.updatesPerCall, updates.count)]
      let transactions = chunk.map { $0.update.transaction(previous: values) }
      let ids = chunk.map(\.id)
      for update in chunk {
        logger.debug("updates", metadata: ["group": "\(update.group)", "purpose": "\(update.purpose)"])
      }
      let store = store
      run {
        do throws(FabricStoreError) {
          return .success(try await store.commit(transactions, urgent: true))
        } catch {
          return .failure(error)
        }
      } then: { (agent: FabricAgent, result: Result<[TransactionResult], FabricStoreError>) in
        agent.takeUpdates(ids, result)
      }
    }
  }

  private func takeUpdates(_ ids: [UInt64], _ result: Result<[TransactionResult], FabricStoreError>) {
    if case .failure(let error) = result {
      logger.warning("updates have failed", metadata: ["error": "\(error)", "updates": "\(ids.count)"])
    }
    let results = (try? result.get()) ?? []
    for (position, id) in ids.enumerated() {
      let outcome: ReplicationMachine.UpdateOutcome =
        switch results.indices.contains(position) ? results[position] : nil {
        case .applied(let revision): .applied(revision: revision)
        case .refused(_, let revision): .refused(revision: revision)
        case nil: .unknown
        }
      tell(.updateFinished(id: id, outcome))
    }
  }

  /// Makes the pool in an empty store. Whoever comes second is refused and leaves it at that.
  func formPool() {
    let pool = PoolRecord(
      name: configuration.pool,
      domain: configuration.domain,
      groups: configuration.groups,
      featureLevel: 1
    )
    let servers = configuration.servers.map {
      ServerRecord(name: $0.name, upgradeDomain: $0.upgradeDomain, service: .inService)
    }
    let transactions = PoolFormation.updates(pool, servers: servers).map { $0.transaction() }
    let store = store
    run { () async -> FabricStoreError? in
      do throws(FabricStoreError) {
        for transaction in transactions {
          guard case .applied = try await store.commit(transaction, urgent: true) else { return nil }
        }
        return nil
      } catch {
        return error
      }
    } then: { agent, error in
      guard let error else { return }
      agent.logger.warning("could not make the pool", metadata: ["error": "\(error)"])
      let bound = agent.bound
      agent.eventLoop.scheduleTask(in: .milliseconds(200)) {
        if bound.value.machine.view.pool == nil, !bound.value.isStopped { bound.value.formPool() }
      }
    }
  }
}
