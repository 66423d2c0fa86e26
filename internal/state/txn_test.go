package state_test

import "furl/internal/store"

func txnPut(key, val string) store.Txn {
	return store.Txn{Do: []store.Op{{Key: key, Val: []byte(val)}}}
}

func txnDelete(key string) store.Txn {
	return store.Txn{Do: []store.Op{{Key: key}}}
}
