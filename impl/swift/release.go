package swift

// Release is the version of OpenStack Swift whose interfaces apus has. Clients
// and swift-recon are told this one.
const Release = "2.38.1"
