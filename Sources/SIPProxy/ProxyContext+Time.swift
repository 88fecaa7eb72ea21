import SIPTransaction

// MARK: - Time

extension ProxyContext {
  /// Fires what is due.
  func timeAdvanced(to now: Int64, _ actions: inout [Action]) {
    while let firing = server.fireDue(at: now) {
      if let bytes = firing { actions.append(.respond(bytes, to: source.destination)) }
    }
    if let deadline = routingDeadline, deadline <= now { respond(ProxyReply(500), at: now, &actions) }
    // A branch that ends may start another; that one is not due.
    for branch in branches { timeAdvanced(branch, to: now, &actions) }
  }

  private func timeAdvanced(
    _ branch: ProxyBranch<Destination>,
    to now: Int64,
    _ actions: inout [Action]
  ) {
    while let firing = branch.client.fireDue(at: now) {
      switch firing {
      case .send(let bytes): actions.append(.send(bytes, to: branch.target.destination, name(branch)))
      case .timedOut: ended(branch, .init(status: 408, message: nil), at: now, &actions)
      case .nothing: break
      }
    }
    while let firing = branch.cancel?.fireDue(at: now) {
      guard case .send(let bytes) = firing else { continue }
      actions.append(.send(bytes, to: branch.target.destination, name(branch, isCancel: true)))
    }
    guard branch.isPending else { return }
    if let deadline = branch.cancelDeadline, deadline <= now {
      _ = branch.client.abandon()
      ended(branch, .init(status: 408, message: nil), at: now, &actions)
    } else if let timerC = branch.timerC, timerC <= now {
      branch.timerC = nil
      // RFC 3261 section 16.8. Without a provisional response timer B ends it.
      cancel(branch, at: now, &actions)
    }
  }
}
