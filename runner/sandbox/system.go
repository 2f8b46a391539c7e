package sandbox

// System is what any program needs of the machine and what tells nothing of its users. Of /etc it is what says how to find
// names, certificates and libraries: the rest may hold secrets, which root's jobs could read.
func System() []string {
	list := []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store"}
	for _, name := range []string{
		"alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "ethertypes", "fonts", "gai.conf", "group",
		"host.conf", "hosts", "inputrc", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime",
		"lsb-release", "magic", "mime.types", "nsswitch.conf", "os-release", "passwd", "pki/ca-trust", "pki/java", "pki/tls/cert.pem",
		"pki/tls/certs", "pki/tls/openssl.cnf", "profile", "protocols", "python3", "redhat-release", "resolv.conf", "services", "shells",
		"ssl/cert.pem", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone",
	} {
		list = append(list, "/etc/"+name)
	}
	return list
}
