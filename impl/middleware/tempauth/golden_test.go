package tempauth_test

var foreignTokens = map[string]string{
	"active key": "AUTH_ftkgAAAAABrSdIAvEbqmMoCao9v7dAFsKXmpY_1z1EbCsIQCWTwxQDt-d8oTKhcOY4_yyf_j_ZpuKTEe6CXmsHOQ5-d0Ql6u6LTpWBl5sAPAzWS8YXeow2tIqM=",
	"older key":  "AUTH_ftkgAAAAABrSdIA0U8DRHcxiLBAW6toeGG62ZeaDLJ_4AqiZDu5YHqAAoSXNL8VhxGtHeWTSiKwCpp8FTssi8ki7nQJIRpMtFNAJU9V3AAahbkVC1KopGLK9-s=",
	"compressed": "AUTH_zftkgAAAAABrSdIAMvFegOhft76zWyFGsp8kXr-H0ujzHDteuon0htskF5WZjAdQoH83P0LzDH6sk03o6s1gfUIS-ewAQjYCXKrtvdtDzv5mdwtNfmcjB-C2pMBkwWQwW5iwZXF_nUp22y9vZaedBt0PNBv8Vl3wJIGK2-RYBizrVf5uCflfj6XQwPmySjOR-57W-L5zCECP6xo6nQ_zVoIdWi9CK0y1LAPQ-LW8ptpd6Nai6CnZO65n9e8=",
}

var foreignGroups = map[string]string{
	"active key": "test,test:tester,AUTH_test",
	"older key":  "test,test:tester,AUTH_test",
	"compressed": "test,test:tester,group0,group1,group2,group3,group4,group5,group6,group7,group8,group9,group10,group11,group12,group13,group14,group15,group16,group17,group18,group19,group20,group21,group22,group23,group24,group25,group26,group27,group28,group29,group30,group31,group32,group33,group34,group35,group36,group37,group38,group39,AUTH_test",
}
