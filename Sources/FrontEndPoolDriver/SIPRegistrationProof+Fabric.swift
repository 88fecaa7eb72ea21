import FabricRecords
public import FabricStore

extension SIPRegistrationProof {
  /// A proof for servers of the SIP domain `domain` whose pool is kept in `store`, where the pool's secret is found.
  public init(domain: String, store: any FabricStore) {
    self.init(domain: domain) {
      guard let entry = try? await store.read(FabricKey.nonceSecret.text) else { return nil }
      return try? FabricCodec.decodeNonceSecret(entry.value)
    }
  }
}
