// Command fsck holds a log folder against the library that other logs are checked with.
// The library's own command is not used: it ends with 0 when it has found something.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// A worker ends at the first tile that is wrong; when all have ended, the library waits for ever.
const (
	workers  = 256
	deadline = time.Minute
)

func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: fsck FOLDER ORIGIN VERIFIER_KEY")
	}
	folder, origin, key := os.Args[1], os.Args[2], os.Args[3]
	verifier, err := note.NewVerifier(key)
	if err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(deadline, func() { log.Fatalf("not done after %v", deadline) })
	check := fsck.New(origin, verifier, client.FileFetcher{Root: folder}, leafHashes, fsck.Opts{N: workers})
	if err := check.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
}
