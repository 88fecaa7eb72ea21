import FabricStore
import FrontEndPoolDriver

/// The proof at the end of a fail-back: a registration over SIP.
enum ServerProof {
  static func prove(domain: String, store: any FabricStore) -> FrontEndPoolDriver.Proof {
    SIPRegistrationProof(domain: domain, store: store).proof
  }
}
